// The throughput bench: sets of devices, who asks for what, and its arithmetic, on an engine whose tokens are known.
import { InvalidArgumentError } from 'commander';
import { Scheduler, type DecodeResult } from '@sotto/server';
import t from 'tap';
import { fileApplicants, growingApplicants } from '../../bench/src/throughput/applicants.js';
import { deviceSet, enginesOf, unionOf } from '../../bench/src/throughput/device-sets.js';
import { saturate } from '../../bench/src/throughput/saturate.js';
import { throughputMetrics } from '../../bench/src/throughput/throughput-metrics.js';
import { CountingEngine, resultOf } from '../support/counting-engine.js';

t.test('device sets: engines are opened once, each set finds its own', async (t) => {
  const sets = deviceSet('cuda:0,cuda:0', deviceSet('cuda:0, cuda:1', deviceSet('cuda:0')));
  t.strictSame(sets, [['cuda:0'], ['cuda:0', 'cuda:1'], ['cuda:0', 'cuda:0']]);
  const union = unionOf(sets);
  t.strictSame(union, ['cuda:0', 'cuda:0', 'cuda:1']);
  const opened = union.map((device) => ({ device, engine: new CountingEngine() }));
  for (const set of sets) {
    const engines = enginesOf(set, opened);
    t.equal(new Set(engines).size, set.length);
    t.strictSame(
      engines.map((engine) => opened.find((one) => one.engine === engine)?.device),
      set,
    );
  }
  t.throws(() => deviceSet('gpu'), InvalidArgumentError);
});

t.test(
  'growingApplicants: each step is drafted with what was heard before, and a new segment with nothing',
  async (t) => {
    const options = { count: 2, language: 'en', stepSamples: 8_000 };
    const [grown] = growingApplicants([new Float32Array(24_000)], { ...options, isDrafted: true });
    const asked: (readonly [number, number])[] = [];
    let last: DecodeResult | undefined;
    for (let turn = 0; turn < 5; turn++) {
      const { audio, draft } = grown?.next(last) ?? { audio: [], draft: [] };
      asked.push([audio.length, draft.length]);
      last = resultOf(Array.from({ length: audio.length / 8_000 }, (_, id) => id));
    }
    t.strictSame(asked, [
      [8_000, 0],
      [16_000, 1],
      [24_000, 2],
      [8_000, 0],
      [16_000, 1],
    ]);
    const [, other] = growingApplicants([new Float32Array(24_000)], { ...options, isDrafted: false });
    t.match(other?.next(undefined), { audio: { length: 16_000 }, draft: [] });
  },
);

t.test('saturate: full batches of every window in turn, each with its own draft', async (t) => {
  const engine = new CountingEngine({ runMs: 5 });
  const scheduler = new Scheduler([engine]);
  t.teardown(() => scheduler.close());
  const windows = [8_000, 16_000, 24_000].map((length) => new Float32Array(length));
  const applicants = fileApplicants(windows, { count: 12, language: 'en', drafts: [[1], [2], [3]] });
  const measured = await saturate(scheduler, applicants, { kind: 'file', windowMs: 1_000, settleMs: 50 });
  t.ok(measured.windows > 0 && measured.tookMs > 0 && measured.windowsPerRun <= engine.maxBatch);
  t.ok(measured.audioMs / measured.windows >= 500 && measured.audioMs / measured.windows <= 1_500);
  t.ok(engine.batches.some(({ length }) => length === engine.maxBatch));
  t.ok(
    engine.batches.flat().every(({ audio, draft }) => draft[0] === audio.length / 8_000),
    'each window has the draft that is its own',
  );
});

t.test('saturate: a time in which nothing can be measured is an error, not a figure', async (t) => {
  const scheduler = new Scheduler([new CountingEngine()]);
  t.teardown(() => scheduler.close());
  const applicants = fileApplicants([new Float32Array(8_000)], { count: 1, language: 'en' });
  await t.rejects(saturate(scheduler, applicants, { kind: 'file', windowMs: 0, settleMs: 0 }), { code: 'timed_out' });
});

const rounds = (...rates: number[]) =>
  rates.map((rate) => ({ windows: rate, tookMs: 1_000, audioMs: rate * 6_000, windowsPerRun: 4 }));

t.test('throughputMetrics: medians, what the draft brings, what a second device brings', async (t) => {
  const one = ['cuda:0'];
  const two = ['cuda:0', 'cuda:1'];
  const metrics = throughputMetrics([
    { devices: one, work: 'w', drafting: 'none', rounds: rounds(9, 10, 30) },
    { devices: two, work: 'w', drafting: 'none', rounds: rounds(19) },
    { devices: one, work: 'w', drafting: 'right', rounds: rounds(25) },
  ]);
  const values = new Map(metrics.map((metric) => [metric.name, metric.kind === 'scalar' ? metric.value : undefined]));
  t.equal(values.get('cuda:0: w, draft none: windowsPerSecond'), 10);
  t.equal(values.get('cuda:0: w, draft none: xRealTime'), 60);
  t.equal(values.get('cuda:0: w, draft right: speedup by the draft'), 2.5);
  t.equal(values.get('cuda:0,cuda:1: w, draft none: timesFirst'), 1.9);
  t.match(
    metrics.find(({ name }) => name.endsWith('timesFirst')),
    { target: { bound: 'atLeast', value: 1.8 } },
  );
});
