// One scheduler for several processes: what they share, and what one of them cannot do to the others.
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { AudioArena } from '../../../server/src/asr/engine-host/audio-arena.js';
import type { RunTiming } from '../../../server/src/asr/scheduling/decode-scheduler.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
import { ANSWER_MS_MAX, SchedulerHub } from '../../../server/src/asr/scheduling/shared/scheduler-hub.js';
import { HandRunEngine, job } from '../../support/hand-run-engine.js';
import { ManualClock } from '../../support/manual-clock.js';
import { propertyRuns } from '../../support/property.js';
import { connect, later } from '../../support/shared-scheduler.js';

function hubOver(engine: HandRunEngine) {
  const clock = new ManualClock();
  const scheduler = new Scheduler([engine], { clock });
  return { clock, scheduler, hub: new SchedulerHub(scheduler, { clock, later }) };
}

const sizes = (engine: HandRunEngine) => engine.runs.map(({ batch }) => batch.length);

t.test('a run holds windows of several processes, each asked for when the run begins', async (t) => {
  const engine = new HandRunEngine(8);
  const { hub, scheduler } = hubOver(engine);
  const [a, b] = [connect(hub).remote, connect(hub).remote];
  const blocker = a.submit(job('final'));
  await turn();
  let seed = 1;
  const late = { ...job('partial'), request: () => ({ ...job('partial').request(), seed }) };
  const outcomes = [a.submit(late), b.submit(job('final')), b.submit(job('partial'))];
  await turn();
  seed = 2;
  t.same(sizes(engine), [1], 'the engine is busy');
  engine.runs[0]?.succeed();
  await blocker;
  await turn();
  t.same(sizes(engine), [1, 3], 'one run for both');
  t.same(
    engine.runs[1]?.batch.map((request) => request.seed).toSorted(),
    [0, 0, 2],
    'as it was known when the run began',
  );
  engine.runs[1]?.succeed();
  for (const outcome of await Promise.all(outcomes)) t.match(outcome, { status: 'decoded' });
  t.match(scheduler.counts, { runs: 2, decoded: 4, running: 0 });
});

t.test('what does not answer in time leaves the run to the others, and loses nothing by it', async (t) => {
  const engine = new HandRunEngine(8);
  const { clock, hub } = hubOver(engine);
  const [slow, quick] = [connect(hub), connect(hub)];
  const waiting = slow.remote.submit(job('final'));
  const other = quick.remote.submit(job('final'));
  slow.hang();
  await turn();
  t.same(sizes(engine), [], 'the run waits for both');
  clock.advance(ANSWER_MS_MAX);
  await turn();
  t.same(sizes(engine), [1], 'and then begins without the one that says nothing');
  engine.runs[0]?.succeed();
  t.match(await other, { status: 'decoded' });
  const next = quick.remote.submit(job('final'));
  await turn();
  t.same(sizes(engine), [1, 1], 'nobody waits for it any more');
  engine.runs[1]?.succeed();
  await next;
  t.equal(slow.member.jobs, 1);
  slow.wake();
  await turn();
  await turn();
  t.same(sizes(engine), [1, 1, 1], 'it answers again, and has its turn');
  engine.runs[2]?.succeed();
  t.match(await waiting, { status: 'decoded' });
  t.equal(slow.member.jobs, 0);
});

t.test('what waits of a process that says nothing can be cancelled when it speaks again', async (t) => {
  const engine = new HandRunEngine(8);
  const { clock, hub } = hubOver(engine);
  const slow = connect(hub);
  const segment = {};
  const waiting = slow.remote.submit(job('final', segment));
  slow.hang();
  await turn();
  clock.advance(ANSWER_MS_MAX);
  await turn();
  slow.remote.cancel(segment);
  slow.wake();
  t.same(await waiting, { status: 'cancelled' });
  await turn();
  t.same(sizes(engine), []);
  t.equal(slow.member.jobs, 0);
});

t.test('a process that dies takes along what it had waiting; its part of a run is thrown away', async (t) => {
  const engine = new HandRunEngine(2);
  const { hub, scheduler } = hubOver(engine);
  const [dying, living] = [connect(hub), connect(hub)];
  void dying.remote.submit(job('final'));
  const running = living.remote.submit(job('final'));
  await turn();
  t.same(sizes(engine), [2]);
  for (const kind of ['final', 'partial', 'file'] as const) void dying.remote.submit(job(kind));
  const waiting = living.remote.submit(job('partial'));
  t.same(scheduler.counts.waiting, { final: 1, partial: 2, file: 1 });
  dying.member.leave();
  t.same(scheduler.counts.waiting, { final: 0, partial: 1, file: 0 });
  engine.runs[0]?.succeed();
  t.match(await running, { status: 'decoded' });
  await turn();
  engine.runs[1]?.succeed();
  t.match(await waiting, { status: 'decoded' });
  t.equal(dying.member.jobs, 0);
  dying.member.leave();
});

t.test('one that dies while a run waits for its answer does not hold it up', async (t) => {
  const engine = new HandRunEngine(2);
  const { hub } = hubOver(engine);
  const [dying, living] = [connect(hub), connect(hub)];
  void dying.remote.submit(job('final'));
  const running = living.remote.submit(job('final'));
  dying.hang();
  await turn();
  t.same(sizes(engine), []);
  dying.member.leave();
  await turn();
  t.same(sizes(engine), [1]);
  engine.runs[0]?.succeed();
  t.match(await running, { status: 'decoded' });
});

t.test('who has gone gives way, and who is back does not', async (t) => {
  const engine = new HandRunEngine(1);
  const { hub } = hubOver(engine);
  const { remote } = connect(hub);
  const blocker = remote.submit(job('final'));
  await turn();
  let isThere = true;
  const samples = (at: number) => engine.runs[at]?.batch[0]?.audio.length;
  const gone = remote.submit({ ...job('final', {}, 2_000), isAttended: () => isThere });
  const here = remote.submit({ ...job('final', {}, 3_000), isAttended: () => !isThere });
  isThere = false;
  remote.tellAttendance();
  for (const [at, outcome] of [blocker, here, gone].entries()) {
    engine.runs[at]?.succeed();
    await outcome;
    await turn();
  }
  t.same([samples(1), samples(2)], [3_000, 2_000]);
});

t.test('how a run went is told by the clock of the process that asked', async (t) => {
  const engine = new HandRunEngine(1);
  const { clock, hub } = hubOver(engine);
  const own = new ManualClock();
  own.advance(50_000);
  const { remote } = connect(hub, { clock: own });
  const runs: RunTiming[] = [];
  const outcome = remote.submit({ ...job('final'), onRun: (run) => runs.push(run) });
  const pass = (ms: number): void => {
    clock.advance(ms);
    own.advance(ms);
  };
  pass(7);
  await turn();
  pass(30);
  engine.runs[0]?.succeed();
  await outcome;
  const now = own.now();
  t.same(runs, [{ queuedAt: now - 37, beganAt: now - 30, endedAt: now, windows: 1, hasFailed: false }]);
});

t.test('a request that cannot be made fails alone', async (t) => {
  const engine = new HandRunEngine(4);
  const { hub } = hubOver(engine);
  const { remote } = connect(hub);
  const broken = remote.submit({
    ...job('final'),
    request: () => {
      throw new Error('no hypothesis');
    },
  });
  const whole = remote.submit(job('final'));
  await t.rejects(broken, { code: 'recognition_failed', message: 'no hypothesis' });
  await turn();
  t.same(sizes(engine), [1]);
  engine.runs[0]?.succeed();
  t.match(await whole, { status: 'decoded' });
});

t.test(
  'audio lies in shared memory while a run has it, and is what it was; where there is no room it comes along',
  { skip: process.platform === 'linux' ? false : 'processes share memory on Linux only' },
  async (t) => {
    const bytes = 4 * 10_000;
    const arena = AudioArena.create(bytes);
    if (arena === undefined) throw new Error('the kernel refuses to share memory');
    t.teardown(() => arena.close());
    const lengths = fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 8 });
    const property = fc.asyncProperty(lengths, async (lengths) => {
      const engine = new HandRunEngine(8);
      const { hub } = hubOver(engine);
      const { remote } = connect(hub, { arena });
      const audios = lengths.map((length, at) => new Float32Array(length).fill(at + 1));
      const outcomes = audios.map((audio) =>
        remote.submit({ ...job('final', {}, audio.length), request: () => ({ ...job('final').request(), audio }) }),
      );
      await turn();
      const heard = engine.runs.flatMap(({ batch }) => batch.map(({ audio }) => [...audio]));
      const taken = arena.takenSamples;
      for (const run of engine.runs) run.succeed();
      await Promise.all(outcomes);
      const sum = lengths.reduce((total, length) => total + length, 0);
      assert.deepEqual(
        heard.toSorted(byFirst),
        audios.map((audio) => [...audio]),
      );
      assert.ok(taken > 0 && (4 * sum > bytes || taken === sum));
      assert.equal(arena.takenSamples, 0);
    });
    await t.resolves(fc.assert(property, { numRuns: propertyRuns(80) }));
  },
);

const byFirst = ([a = 0]: readonly number[], [b = 0]: readonly number[]): number => a - b;
