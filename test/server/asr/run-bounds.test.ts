// What a run may hold, and what is handed to an engine that is busy and takes another run.
import { setImmediate as turn } from 'node:timers/promises';
import { EngineError } from '../../../server/src/asr/errors.js';
import { HandRunEngine, job, stillAt } from '../../support/hand-run-engine.js';
import { ManualClock } from '../../support/manual-clock.js';
import { either } from '../../support/shared-scheduler.js';

either(
  'a full batch is handed to an engine that takes two; what fills none waits, so that others can join',
  async (t, open) => {
    const engine = new HandRunEngine(3, 2);
    let now = 0;
    const scheduler = open([engine], { clock: stillAt(() => now) });
    /** Each run takes 100 ms. */
    const succeed = (run: number): void => {
      now += 100;
      engine.runs[run]?.succeed();
    };
    const sizes = () => engine.runs.map((run) => run.batch.length);
    const outcomes = Array.from({ length: 5 }, () => scheduler.submit(job('partial')));
    await turn();
    t.same(sizes(), [3], 'two do not fill a batch');
    outcomes.push(scheduler.submit(job('final')));
    await turn();
    t.same(sizes(), [3, 3], 'a third one does');
    outcomes.push(...Array.from({ length: 4 }, () => scheduler.submit(job('partial'))));
    await turn();
    t.same(sizes(), [3, 3], 'two runs are in flight');
    succeed(0);
    await outcomes[0];
    await turn();
    t.same(sizes(), [3, 3, 3]);
    succeed(1);
    await outcomes[5];
    await turn();
    t.same(sizes(), [3, 3, 3], 'the last one waits for an idle engine');
    succeed(2);
    await outcomes[8];
    await turn();
    t.same(sizes(), [3, 3, 3, 1]);
    succeed(3);
    for (const outcome of await Promise.all(outcomes)) t.match(outcome, { status: 'decoded' });
    t.match(scheduler.counts, { runs: 4, running: 0, decoded: 10 });
  },
);

either('shortly before an engine is done it gets what waits, so that it need not wait itself', async (t, open) => {
  const engine = new HandRunEngine(8, 2);
  let now = 0;
  const scheduler = open([engine], { clock: stillAt(() => now) });
  const sizes = () => engine.runs.map((run) => run.batch.length);
  const outcomes = [scheduler.submit(job('partial'))];
  await turn();
  now = 100;
  engine.runs[0]?.succeed();
  await outcomes[0];
  outcomes.push(scheduler.submit(job('partial')));
  await turn();
  t.same(sizes(), [1, 1], 'the second run will take 100 ms too');
  now = 150;
  outcomes.push(scheduler.submit(job('partial')));
  await turn();
  t.same(sizes(), [1, 1], 'half way through others may still join');
  now = 190;
  outcomes.push(scheduler.submit(job('final')));
  await turn();
  t.same(sizes(), [1, 1, 2]);
  now = 380;
  outcomes.push(scheduler.submit(job('partial')));
  await turn();
  t.same(sizes(), [1, 1, 2], 'two runs are in flight');
  engine.runs[1]?.succeed();
  engine.runs[2]?.succeed();
  await Promise.all(outcomes.slice(0, 4));
  await turn();
  engine.runs[3]?.succeed();
  for (const outcome of await Promise.all(outcomes)) t.match(outcome, { status: 'decoded' });
});

either('the next run is handed over in time though nothing more arrives', async (t, open) => {
  const engine = new HandRunEngine(8, 2);
  const clock = new ManualClock();
  const scheduler = open([engine], { clock });
  const first = scheduler.submit(job('partial'));
  await turn();
  clock.advance(60);
  engine.runs[0]?.succeed();
  await first;
  const second = scheduler.submit(job('partial'));
  await turn();
  const third = scheduler.submit(job('partial'));
  clock.advance(29);
  await turn();
  t.equal(engine.runs.length, 2, 'others may still join');
  clock.advance(2);
  await turn();
  t.equal(engine.runs.length, 3);
  t.match(scheduler.counts, { running: 2, decoded: 1 });
  const fourth = scheduler.submit(job('partial'));
  await turn();
  t.equal(engine.runs.length, 3, 'two runs are in flight');
  engine.runs[1]?.succeed();
  t.match(await second, { status: 'decoded' });
  clock.advance(60);
  await turn();
  t.equal(engine.runs.length, 4);
  t.match(scheduler.counts, { running: 2, decoded: 2 });
  engine.runs[2]?.succeed();
  engine.runs[3]?.succeed();
  for (const outcome of await Promise.all([third, fourth])) t.match(outcome, { status: 'decoded' });
});

either('a batch that is handed over early holds no partial of a segment that has one under way', async (t, open) => {
  const engine = new HandRunEngine(2, 2);
  const scheduler = open([engine]);
  const segment = {};
  const first = [scheduler.submit(job('partial', segment)), scheduler.submit(job('partial'))];
  await turn();
  const second = [scheduler.submit(job('partial', segment)), scheduler.submit(job('partial'))];
  await turn();
  t.equal(engine.runs.length, 1, 'the next partial of the segment does not count');
  engine.runs[0]?.succeed();
  await Promise.all(first);
  await turn();
  t.equal(engine.runs[1]?.batch.length, 2);
  engine.runs[1]?.succeed();
  for (const outcome of await Promise.all(second)) t.match(outcome, { status: 'decoded' });
});

either('two runs in flight that fail together: each window alone, with nothing else in flight', async (t, open) => {
  const engine = new HandRunEngine(1, 2);
  const scheduler = open([engine]);
  const [bad, good] = [scheduler.submit(job('final')), scheduler.submit(job('final'))];
  await turn();
  t.equal(engine.runs.length, 2);
  for (const run of engine.runs) run.fail(new EngineError('engine_crashed', 'it died'));
  await turn();
  await turn();
  t.equal(engine.runs.length, 3, 'one of them');
  engine.runs[2]?.fail(new EngineError('engine_crashed', 'it died again'));
  await t.rejects(bad, { code: 'recognition_failed' });
  await turn();
  t.equal(engine.runs.length, 4);
  const later = scheduler.submit(job('final'));
  await turn();
  t.equal(engine.runs.length, 4, 'nothing is handed over behind a window that may fell the engine');
  engine.runs[3]?.succeed();
  t.match(await good, { status: 'decoded' });
  await turn();
  engine.runs[4]?.succeed();
  t.match(await later, { status: 'decoded' });
  t.match(scheduler.counts, { failed: 1, retried: 2, decoded: 2 });
});

either('while somebody is live nothing is handed over early that would not soon be over', async (t, open) => {
  const engine = new HandRunEngine(2, 2);
  let now = 0;
  const scheduler = open([engine], { clock: stillAt(() => now) });
  const slow = [scheduler.submit(job('partial')), scheduler.submit(job('partial'))];
  await turn();
  now = 300;
  engine.runs[0]?.succeed();
  await Promise.all(slow);
  const outcomes = Array.from({ length: 4 }, () => scheduler.submit(job('partial')));
  await turn();
  t.same(
    engine.runs.map((run) => run.batch.length),
    [2, 2],
    'at 150 ms a window four take 600 ms',
  );
  engine.runs[1]?.succeed();
  await Promise.all(outcomes.slice(0, 2));
  await turn();
  engine.runs[2]?.succeed();
  await Promise.all(outcomes);
});

either('time in which a run waits behind another one is not time of the engine', async (t, open) => {
  const [both, one] = [new HandRunEngine(1, 2), new HandRunEngine(1)];
  let now = 0;
  const scheduler = open([both, one], { clock: stillAt(() => now) });
  const outcomes = Array.from({ length: 3 }, () => scheduler.submit(job('partial')));
  await turn();
  t.same([both.runs.length, one.runs.length], [2, 1]);
  for (const [at, run] of [both.runs[0], both.runs[1], one.runs[0]].entries()) {
    now = [10, 20, 25][at] ?? 0;
    run?.succeed();
    await turn();
  }
  await Promise.all(outcomes);
  const next = scheduler.submit(job('partial'));
  await turn();
  t.same([both.runs.length, one.runs.length], [3, 1], 'two runs of 10 ms are less than one of 25');
  both.runs[2]?.succeed();
  await next;
});

either('a run holds as much context as its engine has room for, and a window at least', async (t, open) => {
  class SmallEngine extends HandRunEngine {
    override sharesTime = true;
    readonly samplesMax = 70_000;
  }
  const engine = new SmallEngine(4);
  const scheduler = open([engine]);
  // Contexts of 32,000 samples: two fit.
  for (let i = 0; i < 5; i += 1) void scheduler.submit(job('final'));
  await turn();
  t.equal(engine.runs.at(-1)?.batch.length, 2);
  scheduler.limitRuns(1 / 64);
  engine.runs.at(-1)?.succeed();
  await turn();
  await turn();
  t.equal(engine.runs.at(-1)?.batch.length, 1, 'short of memory: one, and none is refused');
  scheduler.limitRuns(1);
  engine.runs.at(-1)?.succeed();
  await turn();
  await turn();
  t.equal(engine.runs.at(-1)?.batch.length, 2);
  engine.runs.at(-1)?.succeed();
});

either(
  'on a GPU a partial that is late does not wait for one final after the other; on a CPU it does',
  async (t, open) => {
    for (const sharesTime of [false, true]) {
      const clock = new ManualClock();
      const engine = new HandRunEngine(4);
      engine.sharesTime = sharesTime;
      const scheduler = open([engine], { clock });
      void scheduler.submit(job('final', {}, 40_000));
      await turn();
      void scheduler.submit(job('partial', {}, 1_000));
      clock.advance(101);
      void scheduler.submit(job('final', {}, 40_000));
      engine.runs[0]?.succeed();
      await turn();
      await turn();
      t.same(
        engine.runs[1]?.batch.map(({ audio }) => audio.length),
        [sharesTime ? 40_000 : 1_000],
      );
      engine.runs[1]?.succeed();
      await turn();
      await turn();
      engine.runs[2]?.succeed();
    }
  },
);

either('memory of the machine is no bound for a GPU', async (t, open) => {
  const engine = new HandRunEngine(4);
  const scheduler = open([engine]);
  scheduler.limitRuns(1 / 64);
  for (let i = 0; i < 4; i += 1) void scheduler.submit(job('final'));
  await turn();
  t.equal(engine.runs[0]?.batch.length, 4);
  engine.runs[0]?.succeed();
});
