// The engine bench's checks and arithmetic, on an engine whose tokens are known.
import t from 'tap';
import type { LoadedRecording } from '../../bench/src/audio/playlist.js';
import { batchCase, growingCase, growingWindows, plainTokens } from '../../bench/src/engine/decode-case.js';
import { shareMetrics, timingMetrics } from '../../bench/src/engine/engine-metrics.js';
import { speechWindows } from '../../bench/src/engine/speech-windows.js';
import { CountingEngine } from '../support/counting-engine.js';

const window = new Float32Array(92_800);

const recording = (text: string, value: number): LoadedRecording => ({
  id: text,
  path: '',
  language: 'en',
  text,
  words: [],
  utterances: [],
  samples: new Float32Array(16_000).fill(value),
});

t.test('batchCase: drafts are the tokens that will come out, and rows are checked', async (t) => {
  const engine = new CountingEngine();
  const expected = await plainTokens(engine, [window, window], 'en');
  const right = batchCase(engine, [window, window], expected, 'en', 'right');
  t.match(right, { name: 'context 6 s, batch 2, draft right', contextMs: 6_000, batch: 2, audioMs: 11_600 });
  await right.run();
  t.strictSame(engine.drafts.slice(-2), expected);
  const other = batchCase(engine, [window], [[1, 2, 3]], 'en', 'none');
  await t.rejects(other.run(), { code: 'mismatch', message: /row 0/ });
});

t.test(
  'growingCase: each step is drafted with the hypothesis before, and an engine that believes it is caught',
  async (t) => {
    const steps = growingWindows(window, 1_000);
    t.strictSame(
      steps.map(({ length }) => length),
      [16_000, 32_000, 48_000, 64_000, 80_000],
    );
    const engine = new CountingEngine();
    const expected = await plainTokens(engine, steps, 'en');
    await growingCase(engine, window, expected, 'en', 1_000, 'previous').run();
    t.strictSame(
      engine.drafts.slice(-5).map(({ length }) => length),
      [0, 2, 4, 6, 8],
    );
    const credulous = growingCase(
      new CountingEngine({ wrongWithDraft: true }),
      window,
      expected,
      'en',
      1_000,
      'previous',
    );
    await t.rejects(credulous.run(), { code: 'mismatch' });
  },
);

t.test('timingMetrics: speeds from medians, and the speedup over the partner without a draft', async (t) => {
  const engine = new CountingEngine();
  const [expected = []] = await plainTokens(engine, [window], 'en');
  const timed = (['none', 'right'] as const).map((drafting) => ({
    ...batchCase(engine, [window], [expected], 'en', drafting),
    wallMs: drafting === 'none' ? [200, 100, 300] : [50, 40, 60],
    cpuMs: [1, 2, 3],
  }));
  const metrics = new Map(timingMetrics(timed).map((metric) => [metric.name, metric]));
  t.match(metrics.get('context 6 s, batch 1, draft none: xRealTime'), { value: 29, target: { value: 10 } });
  t.match(metrics.get('context 6 s, batch 1, draft right: speedup'), { value: 4, target: { value: 2 } });
  t.match(metrics.get('context 6 s, batch 1, draft none: decodesPerSecond'), { value: 5 });
  t.notOk(metrics.has('context 6 s, batch 1, draft none: speedup'));
});

t.test('shareMetrics: shares add up to the whole, and the decoder is compared alone', async (t) => {
  const engine = new CountingEngine();
  const [plain, drafted] = (['none', 'right'] as const).map((drafting) => ({
    ...batchCase(engine, [window], [[]], 'en', drafting),
    wallMs: [1],
    cpuMs: [1],
  }));
  if (plain === undefined || drafted === undefined) throw new Error('two cases');
  const timing = { batch: 1, bucket: 96_000, encodeMs: 60, promptMs: 30, stepsMs: 10, termsMs: 0, steps: 4 };
  const timings = new Map([
    [plain.name, [timing, timing]],
    [drafted.name, [{ ...timing, promptMs: 16, stepsMs: 4, steps: 1 }]],
  ]);
  const values = new Map(
    shareMetrics([plain, drafted], timings).map((metric) => [metric.name, metric.kind === 'scalar' ? metric.value : 0]),
  );
  t.strictSame(
    ['share.encode', 'share.prompt', 'share.steps', 'stepsPerDecode'].map((name) =>
      values.get(`${plain.name}: ${name}`),
    ),
    [0.6, 0.3, 0.1, 4],
  );
  t.equal(values.get(`${drafted.name}: decoderSpeedup`), 2);
  t.strictSame(shareMetrics([plain], new Map()), []);
});

t.test('speechWindows: windows of the wanted length, from all over the speech', async (t) => {
  const windows = speechWindows([recording('a', 1), recording('', 2), recording('b', 3)], 1_000, 3);
  t.strictSame(
    windows.map((samples) => [samples.length, samples[0], samples.at(-1)]),
    [
      [16_000, 1, 1],
      [16_000, 1, 3],
      [16_000, 3, 3],
    ],
  );
  t.throws(() => speechWindows([recording('a', 1)], 2_000, 1), { code: 'bad_recordings' });
});
