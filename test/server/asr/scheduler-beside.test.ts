// An engine that shares its time: what begins beside what, and what is kept from it.
import { setImmediate as turn } from 'node:timers/promises';
import { EngineError } from '../../../server/src/asr/errors.js';
import { HandRunEngine, job } from '../../support/hand-run-engine.js';
import { ManualClock } from '../../support/manual-clock.js';
import { either } from '../../support/shared-scheduler.js';

either(
  'live windows do not wait for a run of files where the engine shares its time; files wait for live ones',
  async (t, open) => {
    const engine = new HandRunEngine();
    engine.sharesTime = true;
    const scheduler = open([engine]);
    const files = [scheduler.submit(job('file')), scheduler.submit(job('file'))];
    await turn();
    const final = scheduler.submit(job('final'));
    await turn();
    t.same(
      engine.runs.map((run) => run.batch.length),
      [2, 1],
      'beside the files',
    );
    files.push(scheduler.submit(job('file')));
    const partial = scheduler.submit(job('partial'));
    engine.runs[0]?.succeed();
    await Promise.all(files.slice(0, 2));
    await turn();
    t.equal(engine.runs.length, 2, 'one live run at a time, and no files beside it');
    engine.runs[1]?.succeed();
    await final;
    await turn();
    t.equal(engine.runs.length, 3);
    engine.runs[2]?.succeed();
    t.match(await partial, { status: 'decoded' });
    await turn();
    engine.runs[3]?.succeed();
    t.match(await files[2], { status: 'decoded' });
    t.match(scheduler.counts, { decoded: 5, runs: 4, running: 0 });
  },
);

either('what is awaited begins beside partials that have words, one run at a time', async (t, open) => {
  const engine = new HandRunEngine();
  engine.sharesTime = true;
  const scheduler = open([engine]);
  const refining = { ...job('partial'), urgency: 'refining' } as const;
  const outcomes = [scheduler.submit(job('file')), scheduler.submit(refining)];
  await turn();
  outcomes.push(scheduler.submit(job('partial')), scheduler.submit({ ...job('partial'), urgency: 'refining' }));
  await turn();
  outcomes.push(scheduler.submit(job('final')));
  await turn();
  const urgencies = () => engine.runs.map(({ batch }) => batch.map(({ urgency }) => urgency));
  t.same(
    urgencies(),
    [['refining'], ['awaited']],
    'files wait for partials; the final, and the second partial, for it',
  );
  engine.runs[1]?.succeed();
  await outcomes[2];
  await turn();
  t.same(urgencies().slice(2), [['awaited']], 'the final, beside the first partial');
  for (const [at, run] of engine.runs.entries()) if (at !== 1) run.succeed();
  await outcomes[4];
  await turn();
  await turn();
  t.same(urgencies().slice(3), [['refining']]);
  engine.runs[3]?.succeed();
  await outcomes[3];
  await turn();
  t.same(urgencies().slice(4), [['unhurried']]);
  engine.runs[4]?.succeed();
  t.same(
    (await Promise.all(outcomes)).map(({ status }) => status),
    ['decoded', 'decoded', 'decoded', 'decoded', 'decoded'],
  );
});

either('the time in which a run stood still for another one is none that it took', async (t, open) => {
  const clock = new ManualClock();
  const engine = new HandRunEngine();
  engine.sharesTime = true;
  const scheduler = open([engine], { clock });
  const partial = scheduler.submit({ ...job('partial'), urgency: 'refining' });
  await turn();
  clock.advance(10);
  const final = scheduler.submit(job('final'));
  await turn();
  clock.advance(100);
  engine.runs[1]?.succeed();
  await final;
  clock.advance(20);
  engine.runs[0]?.succeed();
  await partial;
  t.equal(scheduler.counts.busyMs, 130);
});

either('an engine that runs one thing at a time finishes the files first', async (t, open) => {
  const engine = new HandRunEngine();
  const scheduler = open([engine]);
  const outcomes = [scheduler.submit(job('file'))];
  await turn();
  outcomes.push(scheduler.submit(job('final')));
  await turn();
  t.equal(engine.runs.length, 1);
  engine.runs[0]?.succeed();
  await outcomes[0];
  await turn();
  engine.runs[1]?.succeed();
  t.match(await outcomes[1], { status: 'decoded' });
});

either('a window of a file that felled its engine fells no live one: nothing runs beside it', async (t, open) => {
  const engine = new HandRunEngine();
  engine.sharesTime = true;
  const scheduler = open([engine]);
  const bad = scheduler.submit(job('file'));
  await turn();
  engine.runs[0]?.fail(new EngineError('engine_crashed', 'it died'));
  await turn();
  await turn();
  t.equal(engine.runs.length, 2, 'tried again');
  const final = scheduler.submit(job('final'));
  await turn();
  t.equal(engine.runs.length, 2);
  engine.runs[1]?.fail(new EngineError('engine_crashed', 'it died again'));
  await t.rejects(bad, { code: 'recognition_failed' });
  await turn();
  engine.runs[2]?.succeed();
  t.match(await final, { status: 'decoded' });
});
