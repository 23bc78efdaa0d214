// What waits, what runs, and what becomes of it where an engine fails.
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { bucketFor } from '../../../server/src/asr/engine.js';
import { AsrError, EngineError } from '../../../server/src/asr/errors.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
import { groupWindows } from '../../../server/src/asr/whisper/window-groups.js';
import { HandRunEngine, job, MODEL, stillAt } from '../../support/hand-run-engine.js';
import { either } from '../../support/shared-scheduler.js';

either('what arrives in one turn runs as one batch, the rest when the engine is free', async (t, open) => {
  const engine = new HandRunEngine(3);
  const scheduler = open([engine]);
  const outcomes = Array.from({ length: 5 }, () => scheduler.submit(job('partial')));
  await turn();
  t.same(
    engine.runs.map((run) => run.batch.length),
    [3],
  );
  engine.runs[0]?.succeed();
  await Promise.all(outcomes.slice(0, 3));
  await turn();
  t.same(
    engine.runs.map((run) => run.batch.length),
    [3, 2],
  );
  engine.runs[1]?.succeed();
  t.same(
    (await Promise.all(outcomes)).map((outcome) => outcome.status),
    Array(5).fill('decoded'),
  );
  t.match(scheduler.counts, { decoded: 5, runs: 2, running: 0 });
});

either('a waiting partial is superseded by a newer one of its segment and by its final', async (t, open) => {
  const engine = new HandRunEngine(1);
  const scheduler = open([engine]);
  const blocker = scheduler.submit(job('final'));
  await turn();
  const segment = {};
  const first = scheduler.submit(job('partial', segment));
  const second = scheduler.submit(job('partial', segment));
  t.same(await first, { status: 'superseded' });
  const final = scheduler.submit(job('final', segment));
  t.same(await second, { status: 'superseded' });
  engine.runs[0]?.succeed();
  await blocker;
  await turn();
  engine.runs[1]?.succeed();
  t.equal((await final).status, 'decoded');
});

either('free engines share the work; the least loaded goes first', async (t, open) => {
  const [a, b] = [new HandRunEngine(), new HandRunEngine()];
  let now = 0;
  const scheduler = open([a, b], { clock: stillAt(() => now) });
  const both = [scheduler.submit(job('partial')), scheduler.submit(job('partial'))];
  await turn();
  t.same([a.runs.length, b.runs.length], [1, 1]);
  now = 10;
  b.runs[0]?.succeed();
  await both[1];
  now = 50;
  a.runs[0]?.succeed();
  await both[0];
  const next = scheduler.submit(job('partial'));
  await turn();
  t.same([a.runs.length, b.runs.length], [1, 2], 'b was busy for 10 ms, a for 50');
  b.runs[1]?.succeed();
  await next;
});

either('a failed run is tried once more, each window alone: the good ones come through', async (t, open) => {
  const engine = new HandRunEngine();
  const scheduler = open([engine]);
  const good = scheduler.submit(job('final'));
  const bad = scheduler.submit(job('final'));
  await turn();
  engine.runs[0]?.fail(new EngineError('engine_crashed', 'it died'));
  await turn();
  await turn();
  t.equal(engine.runs[1]?.batch.length, 1);
  engine.runs[1]?.succeed();
  t.equal((await good).status, 'decoded');
  await turn();
  engine.runs[2]?.fail(new EngineError('engine_crashed', 'it died again'));
  await t.rejects(bad, { name: 'AsrError', code: 'recognition_failed', message: 'the engine failed: it died again' });
  t.match(scheduler.counts, { retried: 2, failed: 1, decoded: 1 });
});

either('an engine that failed comes last and is tried with one window', async (t, open) => {
  const [a, b] = [new HandRunEngine(), new HandRunEngine()];
  const scheduler = open([a, b]);
  const first = scheduler.submit(job('final'));
  await turn();
  a.runs[0]?.fail(new EngineError('engine_crashed', 'it died'));
  await turn();
  await turn();
  t.equal(b.runs.length, 1, 'the other one tries again');
  const more = [1, 2, 3].map(() => scheduler.submit(job('final')));
  await turn();
  t.same(
    a.runs.map((run) => run.batch.length),
    [1, 1],
  );
  a.runs[1]?.succeed();
  b.runs[0]?.succeed();
  await Promise.all([first, more[0]]);
  await turn();
  for (const engine of [a, b]) engine.runs.at(-1)?.succeed();
  t.same(
    (await Promise.all(more)).map((outcome) => outcome.status),
    ['decoded', 'decoded', 'decoded'],
  );
});

either('a failed partial gives way to the newer one of its segment', async (t, open) => {
  const engine = new HandRunEngine();
  const scheduler = open([engine]);
  const segment = {};
  const first = scheduler.submit(job('partial', segment));
  await turn();
  const second = scheduler.submit(job('partial', segment));
  engine.runs[0]?.fail(new EngineError('engine_failed', 'no'));
  t.same(await first, { status: 'superseded' });
  await turn();
  engine.runs[1]?.succeed();
  t.equal((await second).status, 'decoded');
});

either('bounds: finals beyond theirs are refused as overloaded, partials are dropped', async (t, open) => {
  const engine = new HandRunEngine(1);
  const scheduler = open([engine], { bounds: { partialsMax: 1, finalsMax: 1, filesMax: 1 } });
  const running = scheduler.submit(job('final'));
  await turn();
  const waiting = scheduler.submit(job('final'));
  await t.rejects(scheduler.submit(job('final')), { code: 'overloaded', retryable: true });
  const dropped = scheduler.submit(job('partial'));
  const kept = scheduler.submit(job('partial'));
  t.same(await dropped, { status: 'dropped' });
  for (const [i, outcome] of [running, waiting, kept].entries()) {
    engine.runs[i]?.succeed();
    await outcome;
    await turn();
  }
  t.match(scheduler.counts, { refused: 1, dropped: 1, decoded: 3 });
});

either('a window longer than the model hears is refused by name', async (t, open) => {
  const scheduler = open([new HandRunEngine()]);
  await t.rejects(scheduler.submit(job('final', {}, 480_001)), {
    code: 'recognition_failed',
    message: /30000 ms is longer than the model's 30000 ms/,
  });
  t.equal(bucketFor(24_000, MODEL), 32_000, 'with its tail it fits exactly');
  t.equal(bucketFor(24_001, MODEL), 64_000);
  t.equal(bucketFor(479_000, MODEL), 480_000, 'the longest goes without its tail');
});

either('cancel forgets what waits; close fails it and waits for the run', async (t, open) => {
  const engine = new HandRunEngine(1);
  const scheduler = open([engine]);
  const running = scheduler.submit(job('final'));
  await turn();
  const segment = {};
  const cancelled = scheduler.submit(job('partial', segment));
  scheduler.cancel(segment);
  t.same(await cancelled, { status: 'cancelled' });
  const waiting = scheduler.submit(job('final'));
  const closed = Promise.all([scheduler.close(), scheduler.close()]);
  await t.rejects(waiting, { code: 'shutting_down' });
  await t.rejects(scheduler.submit(job('final')), new AsrError('shutting_down', 'the recogniser is closed'));
  engine.runs[0]?.succeed();
  t.equal((await running).status, 'decoded');
  await closed;
});

t.test('a scheduler without engines is refused', async (t) => {
  t.throws(() => new Scheduler([]), RangeError);
});

either('an engine that is down gets nothing while another is up; with none, work waits for one', async (t, open) => {
  const [down, up] = [new HandRunEngine(1), new HandRunEngine(1)];
  down.isUp = false;
  const scheduler = open([down, up]);
  const outcomes = [scheduler.submit(job('final')), scheduler.submit(job('final'))];
  await turn();
  t.same([down.runs.length, up.runs.length], [0, 1]);
  up.runs[0]?.succeed();
  await outcomes[0];
  await turn();
  t.same([down.runs.length, up.runs.length], [0, 2], 'the second one waited for the engine that is up');
  up.isUp = false;
  outcomes.push(scheduler.submit(job('final')));
  await turn();
  t.same([down.runs.length, up.runs.length], [1, 2], 'none is up: an engine that is being brought back takes it');
  up.runs[1]?.succeed();
  down.runs[0]?.succeed();
  for (const outcome of await Promise.all(outcomes)) t.match(outcome, { status: 'decoded' });
  await scheduler.close();
});

either('a window that is decoded again is padded to the context of the run that it joins', async (t, open) => {
  const engine = new HandRunEngine(4);
  const scheduler = open([engine]);
  void scheduler.submit({ ...job('final'), isAgain: true });
  void scheduler.submit(job('final', {}, 40_000));
  await turn();
  t.same(
    engine.runs.map(({ batch }) => batch.map(({ audio, context }) => [audio.length, context])),
    [
      [
        [40_000, undefined],
        [1_000, 64_000],
      ],
    ],
  );
  const [first, second] = groupWindows(engine.runs[0]?.batch ?? [], MODEL, 4);
  t.match(first, { indices: [0, 1] });
  t.equal(first?.audio.length, 2 * 64_000);
  t.equal(second, undefined);
  engine.runs[0]?.succeed();
});
