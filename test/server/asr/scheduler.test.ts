import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import type { DecodeKind } from '../../../server/src/asr/scheduling/decode-queue.js';
import {
  bucketFor,
  type DecodeRequest,
  type DecodeResult,
  type Engine,
  type EngineModel,
} from '../../../server/src/asr/engine.js';
import { AsrError, EngineError } from '../../../server/src/asr/errors.js';
import { LoadMeter } from '../../../server/src/asr/scheduling/load-meter.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
import { AGAIN_MS_MAX, secondTries } from '../../../server/src/asr/scheduling/second-tries.js';
import { groupWindows } from '../../../server/src/asr/whisper/window-groups.js';
import { ManualClock } from '../../support/manual-clock.js';

const RESULT: DecodeResult = {
  tokens: [],
  endLogprob: -0.1,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 0,
  draftAccepted: 0,
  steps: 1,
};
const MODEL: EngineModel = {
  name: 'held',
  languages: ['en'],
  isMultilingual: false,
  usesPreviousText: false,
  buckets: [32_000, 64_000, 480_000],
  tailSilenceSamples: 8_000,
  maxTextTokens: 224,
  directory: '',
};

/** A clock that a test moves by hand; what is to happen later never does. */
const stillAt = (now: () => number) => ({ now, after: () => () => {} });

/** An engine whose runs end when the test says so. */
class HeldEngine implements Engine {
  readonly model = MODEL;
  readonly runs: { readonly batch: readonly DecodeRequest[]; succeed(): void; fail(error: Error): void }[] = [];

  isUp = true;
  sharesTime = false;
  readonly maxBatch: number;
  readonly runsInFlight: number;

  constructor(maxBatch = 4, runsInFlight = 1) {
    this.maxBatch = maxBatch;
    this.runsInFlight = runsInFlight;
  }

  decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return new Promise((resolve, reject) => {
      this.runs.push({ batch, succeed: () => resolve(batch.map(() => RESULT)), fail: reject });
    });
  }

  async warmUp(): Promise<void> {}
  async close(): Promise<void> {}
}

function job(kind: DecodeKind, segment: object = {}, samples = 1_000) {
  const audio = new Float32Array(samples);
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return {
    segment,
    kind,
    dueInMs: 100,
    samples,
    request: (): DecodeRequest => ({ audio, prompt, draft: [], temperature: 0, seed: 0 }),
  };
}

t.test('what arrives in one turn runs as one batch, the rest when the engine is free', async (t) => {
  const engine = new HeldEngine(3);
  const scheduler = new Scheduler([engine]);
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

t.test('a waiting partial is superseded by a newer one of its segment and by its final', async (t) => {
  const engine = new HeldEngine(1);
  const scheduler = new Scheduler([engine]);
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

t.test('free engines share the work; the least loaded goes first', async (t) => {
  const [a, b] = [new HeldEngine(), new HeldEngine()];
  let now = 0;
  const scheduler = new Scheduler([a, b], { clock: stillAt(() => now) });
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

t.test('a failed run is tried once more, each window alone: the good ones come through', async (t) => {
  const engine = new HeldEngine();
  const scheduler = new Scheduler([engine]);
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

t.test('an engine that failed comes last and is tried with one window', async (t) => {
  const [a, b] = [new HeldEngine(), new HeldEngine()];
  const scheduler = new Scheduler([a, b]);
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

t.test('a failed partial gives way to the newer one of its segment', async (t) => {
  const engine = new HeldEngine();
  const scheduler = new Scheduler([engine]);
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

t.test('bounds: finals beyond theirs are refused as overloaded, partials are dropped', async (t) => {
  const engine = new HeldEngine(1);
  const scheduler = new Scheduler([engine], { bounds: { partialsMax: 1, finalsMax: 1, filesMax: 1 } });
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

t.test('a window longer than the model hears is refused by name', async (t) => {
  const scheduler = new Scheduler([new HeldEngine()]);
  await t.rejects(scheduler.submit(job('final', {}, 480_001)), {
    code: 'recognition_failed',
    message: /30000 ms is longer than the model's 30000 ms/,
  });
  t.equal(bucketFor(24_000, MODEL), 32_000, 'with its tail it fits exactly');
  t.equal(bucketFor(24_001, MODEL), 64_000);
  t.equal(bucketFor(479_000, MODEL), 480_000, 'the longest goes without its tail');
});

t.test('cancel forgets what waits; close fails it and waits for the run', async (t) => {
  const engine = new HeldEngine(1);
  const scheduler = new Scheduler([engine]);
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

t.test('the stretch is 1 at low load, follows the demand and does not swing', async (t) => {
  const runMs = 100;
  /**
   * Streams that ask for a partial every 500 ms, stretched, of one engine whose runs take 100 ms each: 5 streams fill
   * it.
   */
  const simulate = (streams: number, seconds: number, meter = new LoadMeter(1, 8, 0), from = 0): number[] => {
    const stretches: number[] = [];
    const asked = Array.from({ length: streams }, (_, i) => from + (i * 500) / streams);
    let free = from;
    for (let now = from; now < from + seconds * 1_000; now += 10) {
      for (const [i, at] of asked.entries()) {
        const stretch = meter.stretch(now);
        if (now - at < 500 * stretch) continue;
        meter.asked('live', 6, now, stretch);
        asked[i] = now;
        if (now < free) continue;
        free = now + runMs;
        meter.ran('live', 1, 6, runMs, free);
      }
      if (now % 500 === 0) stretches.push(meter.stretch(now));
    }
    return stretches;
  };
  t.ok(Math.max(...simulate(2, 30)) < 1.01, 'two streams: 40 % busy');
  const crowded = simulate(15, 60);
  const least = Math.min(...crowded.slice(-40));
  const most = Math.max(...crowded);
  t.ok(least > 3.6 && most < 4.4, `15 streams need 300 % of 75 %: 4 (was ${least.toFixed(2)} to ${most.toFixed(2)})`);
  const few = Math.max(...simulate(5, 60));
  t.ok(few < 1.5, `5 streams need 100 % of 75 %: 1.33, and never more than that (was ${few.toFixed(2)})`);
  const meter = new LoadMeter(1, 8, 0);
  simulate(15, 30, meter);
  t.ok((simulate(2, 60, meter, 30_000).at(-1) ?? 9) < 1.05, 'it falls back when they leave');
});

/** A GPU: 12 ms a run and 0.2 ms for a second of audio, windows of 6 s. */
const gpuRunMs = (windows: number): number => 12 + 0.2 * 6 * windows;

/** The stretch after half a minute of streams that ask it for a partial every 500 ms. */
function gpuStretch(streams: number): number {
  const meter = new LoadMeter(1, 64, 0);
  const due = Array.from({ length: streams }, (_, i) => (i * 500) / streams);
  let [free, waiting] = [0, 0];
  for (let now = 0; now < 30_000; now += 1) {
    for (const [i, at] of due.entries()) {
      if (now < at) continue;
      const stretch = meter.stretch(now);
      meter.asked('live', 6, now, stretch);
      waiting += 1;
      due[i] = now + 500 * stretch;
    }
    if (now < free || waiting === 0) continue;
    const windows = Math.min(64, waiting, meter.windowsPerRun('live', now));
    waiting -= windows;
    free = now + gpuRunMs(windows);
    meter.ran('live', windows, 6 * windows, gpuRunMs(windows), free);
  }
  return meter.stretch(30_000);
}

t.test('runs that are dear while they are short do not stretch what would fill them', async (t) => {
  t.ok(gpuStretch(200) < 1.02, 'half of it: one by one they would take five times what there is');
  const full = gpuStretch(400);
  t.ok(full > 1.2 && full < 1.7, `400 streams need 110 % of 75 % (was ${full.toFixed(2)})`);
});

t.test('while somebody is live a run holds what is over soon; files alone fill it', async (t) => {
  const meter = new LoadMeter(1, 64, 0);
  t.equal(meter.windowsPerRun('file', 0), Infinity, 'nothing is known');
  meter.asked('file', 12, 0);
  meter.ran('file', 2, 24, 160, 600);
  t.equal(meter.windowsPerRun('file', 600), Infinity, 'nobody waits');
  meter.asked('live', 6, 600);
  t.equal(meter.windowsPerRun('file', 600), 2, '80 ms a window');
  t.equal(meter.windowsPerRun('live', 600), Infinity, 'a live one has not been seen');
  meter.ran('live', 1, 6, 600, 600);
  t.equal(meter.windowsPerRun('live', 600), 1, '600 ms a window, and one is always run');
  for (let i = 0; i < 100; i += 1) meter.ran('live', 2, 12, 160, 600);
  t.equal(meter.windowsPerRun('live', 600), 4, 'about 80 ms a window');
  for (let i = 0; i < 10_000; i += 1) meter.ran('live', 16, 96, 16, 600);
  t.ok(meter.windowsPerRun('live', 600) > 300, 'about 1 ms a window');
  t.equal(meter.windowsPerRun('live', 100_000), Infinity, 'everybody is gone');
});

t.test(
  'live windows do not wait for a run of files where the engine shares its time; files wait for live ones',
  async (t) => {
    const engine = new HeldEngine();
    engine.sharesTime = true;
    const scheduler = new Scheduler([engine]);
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

t.test('what is awaited begins beside partials that have words, one run at a time', async (t) => {
  const engine = new HeldEngine();
  engine.sharesTime = true;
  const scheduler = new Scheduler([engine]);
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

t.test('the time in which a run stood still for another one is none that it took', async (t) => {
  const clock = new ManualClock();
  const engine = new HeldEngine();
  engine.sharesTime = true;
  const scheduler = new Scheduler([engine], { clock });
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

t.test('an engine that runs one thing at a time finishes the files first', async (t) => {
  const engine = new HeldEngine();
  const scheduler = new Scheduler([engine]);
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

t.test('a window of a file that felled its engine fells no live one: nothing runs beside it', async (t) => {
  const engine = new HeldEngine();
  engine.sharesTime = true;
  const scheduler = new Scheduler([engine]);
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

t.test(
  'a full batch is handed to an engine that takes two; what fills none waits, so that others can join',
  async (t) => {
    const engine = new HeldEngine(3, 2);
    let now = 0;
    const scheduler = new Scheduler([engine], { clock: stillAt(() => now) });
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

t.test('shortly before an engine is done it gets what waits, so that it need not wait itself', async (t) => {
  const engine = new HeldEngine(8, 2);
  let now = 0;
  const scheduler = new Scheduler([engine], { clock: stillAt(() => now) });
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

t.test('the next run is handed over in time though nothing more arrives', async (t) => {
  const engine = new HeldEngine(8, 2);
  const clock = new ManualClock();
  const scheduler = new Scheduler([engine], { clock });
  const first = scheduler.submit(job('partial'));
  await turn();
  clock.advance(60);
  engine.runs[0]?.succeed();
  await first;
  const second = scheduler.submit(job('partial'));
  await turn();
  const third = scheduler.submit(job('partial'));
  clock.advance(44);
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

t.test('a batch that is handed over early holds no partial of a segment that has one under way', async (t) => {
  const engine = new HeldEngine(2, 2);
  const scheduler = new Scheduler([engine]);
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

t.test('two runs in flight that fail together: each window alone, with nothing else in flight', async (t) => {
  const engine = new HeldEngine(1, 2);
  const scheduler = new Scheduler([engine]);
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

t.test('while somebody is live nothing is handed over early that would not soon be over', async (t) => {
  const engine = new HeldEngine(2, 2);
  let now = 0;
  const scheduler = new Scheduler([engine], { clock: stillAt(() => now) });
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

t.test('time in which a run waits behind another one is not time of the engine', async (t) => {
  const [both, one] = [new HeldEngine(1, 2), new HeldEngine(1)];
  let now = 0;
  const scheduler = new Scheduler([both, one], { clock: stillAt(() => now) });
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

t.test('an engine that is down gets nothing while another is up; with none, work waits for one', async (t) => {
  const [down, up] = [new HeldEngine(1), new HeldEngine(1)];
  down.isUp = false;
  const scheduler = new Scheduler([down, up]);
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

t.test('a run holds as much context as its engine has room for, and a window at least', async (t) => {
  class SmallEngine extends HeldEngine {
    override sharesTime = true;
    readonly samplesMax = 70_000;
  }
  const engine = new SmallEngine(4);
  const scheduler = new Scheduler([engine]);
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

t.test('on a GPU a partial that is late does not wait for one final after the other; on a CPU it does', async (t) => {
  for (const sharesTime of [false, true]) {
    const clock = new ManualClock();
    const engine = new HeldEngine(4);
    engine.sharesTime = sharesTime;
    const scheduler = new Scheduler([engine], { clock });
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
});

t.test('a window that is decoded again is padded to the context of the run that it joins', async (t) => {
  const engine = new HeldEngine(4);
  const scheduler = new Scheduler([engine]);
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

t.test('the load is what is asked for at rest: it says how much may be decoded again', async (t) => {
  const clock = new ManualClock();
  const engine = new HeldEngine(4);
  const scheduler = new Scheduler([engine], { clock });
  const budget = () => secondTries(scheduler, {}, { fallbackBudgetMs: 1_000, clock }).fallbackBudgetMs;
  t.equal(scheduler.load, 0);
  t.equal(budget(), 1_000);
  // A window of 100 ms, every 400 ms; three quarters of the time may be planned for.
  const speak = async (runMs: number) => {
    for (let at = 0; at < 25; at += 1) {
      const outcome = scheduler.submit({ ...job('partial'), spacing: scheduler.stretch });
      await turn();
      clock.advance(runMs);
      engine.runs.at(-1)?.succeed();
      await outcome;
      clock.advance(400 - runMs);
      t.ok(scheduler.stretch >= 1);
    }
  };
  await speak(100);
  t.ok(Math.abs(scheduler.load - 1 / 3) < 0.1, `${scheduler.load}`);
  t.ok(Math.abs(budget() - 667) < 100, `${budget()}`);
  await speak(390);
  t.ok(scheduler.load > 1, `${scheduler.load}`);
  t.equal(budget(), 0, 'none while partials are stretched');
});

t.test('what is decoded again is waited for no longer than so, and then forgotten', async (t) => {
  const clock = new ManualClock();
  const engine = new HeldEngine(4);
  const scheduler = new Scheduler([engine], { clock });
  const segment = {};
  const { inTime } = secondTries(scheduler, segment, { clock });
  t.equal(await inTime(Promise.resolve('better')), 'better');
  t.equal(await inTime(Promise.reject(new Error('an engine failed'))), undefined);
  void scheduler.submit(job('final'));
  await turn();
  const again = scheduler.submit({ ...job('final', segment), isAgain: true });
  const told = inTime(again);
  clock.advance(AGAIN_MS_MAX - 1);
  t.equal(await Promise.race([told, turn('not yet')]), 'not yet');
  clock.advance(1);
  t.equal(await told, undefined);
  t.match(await again, { status: 'cancelled' });
  engine.runs[0]?.succeed();
  await turn();
  t.equal(engine.runs.length, 1, 'its window is not decoded any more');
});

t.test('memory of the machine is no bound for a GPU', async (t) => {
  const engine = new HeldEngine(4);
  const scheduler = new Scheduler([engine]);
  scheduler.limitRuns(1 / 64);
  for (let i = 0; i < 4; i += 1) void scheduler.submit(job('final'));
  await turn();
  t.equal(engine.runs[0]?.batch.length, 4);
  engine.runs[0]?.succeed();
});
