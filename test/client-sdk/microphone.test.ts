// The parts of the microphone that need no browser: resampling, level, speech gate, chunks, errors, sending a file's
// samples.
import * as fc from 'fast-check';
import t from 'tap';
import { CaptureError, captureErrorOf } from '../../client-sdk/src/microphone/errors.js';
import { Chunker, type AudioChunk } from '../../client-sdk/src/microphone/chunker.js';
import { sendSamples } from '../../client-sdk/src/microphone/from-file.js';
import { measureLevel, SILENCE_DB } from '../../client-sdk/src/microphone/level.js';
import { StreamResampler } from '../../client-sdk/src/microphone/resampler.js';
import { SpeechGate, type SpeechGateOptions } from '../../client-sdk/src/microphone/speech-gate.js';
import { holds } from '../support/property.js';
import { sine } from '../support/wav-file.js';

/** What is left of a sine at 48 kHz, dBFS. */
const loudness = (hz: number): number => measureLevel(resample(sine(hz, 48_000, 0.5), 48_000).slice(200, -200)).rmsDb;
const codeOf = (name: string): string => captureErrorOf(new DOMException('', name)).code;

function resample(samples: Float32Array, rate: number, cuts: readonly number[] = []): Float32Array {
  const resampler = new StreamResampler(rate, 16_000);
  const parts: Float32Array[] = [];
  let at = 0;
  for (const cut of cuts) {
    parts.push(resampler.push(samples.subarray(at, at + cut)));
    at += cut;
  }
  parts.push(resampler.push(samples.subarray(at)), resampler.flush());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

t.test('resampler: a tone keeps its time, phase and loudness at every usual rate', async (t) => {
  for (const rate of [8_000, 16_000, 22_050, 44_100, 48_000, 96_000]) {
    const result = resample(sine(1_000, rate, 0.5), rate);
    t.equal(result.length, 8_000, `${rate} Hz: half a second`);
    const worst = sine(1_000, 16_000, 0.5)
      .subarray(200, 7_800)
      .reduce((worst, sample, at) => Math.max(worst, Math.abs(sample - (result[at + 200] ?? 0))), 0);
    t.ok(worst < 1e-3, `${rate} Hz: differs by ${worst}`);
  }
});

t.test('resampler: what 16 kHz cannot carry is filtered out, what it can is kept', async (t) => {
  const reference = loudness(1_000);
  for (const hz of [100, 3_000, 6_800])
    t.ok(Math.abs(loudness(hz) - reference) < 0.1, `${hz} Hz passes: ${loudness(hz)}`);
  for (const hz of [8_000, 9_000, 12_000, 20_000])
    t.ok(loudness(hz) < reference - 75, `${hz} Hz does not: ${loudness(hz)}`);
});

t.test('resampler: how the stream is cut changes nothing', async (t) => {
  const samples = Float32Array.from({ length: 3_000 }, (_, at) => Math.sin(at * at * 1e-4));
  for (const rate of [44_100, 48_000]) {
    const whole = resample(samples, rate);
    holds(
      t,
      fc.property(fc.array(fc.nat(700), { maxLength: 6 }), (cuts) => {
        const cut = resample(samples, rate, cuts);
        return cut.length === whole.length && cut.every((sample, at) => sample === whole[at]);
      }),
      { numRuns: 30 },
    );
    t.equal(whole.length, Math.ceil((3_000 * 16_000) / rate));
  }
});

t.test('resampler: a rate that is none is refused', async (t) => {
  for (const rate of [0, -1, 44_100.5, Number.NaN]) t.throws(() => new StreamResampler(rate, 16_000), RangeError);
});

t.test('level: full scale is 0 dBFS, a sine 3 dB less, silence the floor', async (t) => {
  t.same(measureLevel(new Float32Array(640)), { rmsDb: SILENCE_DB, peakDb: SILENCE_DB });
  t.same(measureLevel(new Float32Array(0)), { rmsDb: SILENCE_DB, peakDb: SILENCE_DB });
  t.same(measureLevel(new Float32Array(640).fill(-1)), { rmsDb: 0, peakDb: 0 });
  const { rmsDb, peakDb } = measureLevel(sine(1_000, 16_000, 0.1));
  t.ok(Math.abs(peakDb + 6.02) < 0.01 && Math.abs(rmsDb + 9.03) < 0.01, `${rmsDb}, ${peakDb}`);
});

/** Chunks of 40 ms, each a tone of one amplitude, through a gate: which came out as they were. */
function gated(amplitudes: readonly number[], options: SpeechGateOptions): boolean[] {
  const gate = new SpeechGate(16_000, options);
  const chunks = amplitudes.map((amplitude) => new Float32Array(640).fill(amplitude));
  const out = [...chunks.flatMap((chunk) => gate.push(chunk)), ...gate.flush()];
  for (const { samples, isSpeech } of out)
    if (samples.length !== 640 || (!isSpeech && samples.some((sample) => sample !== 0)))
      throw new Error('a closed gate passes silence only');
  return out.map(({ isSpeech }) => isSpeech);
}

t.test('speech gate: passes speech with its beginning and a hang-over, one chunk for each', async (t) => {
  const options = { preRollMs: 80, hangOverMs: 120 };
  const amplitudes = [...Array<number>(10).fill(0.001), 0.3, 0.3, ...Array<number>(10).fill(0.001)];
  const open = gated(amplitudes, options);
  t.equal(open.length, amplitudes.length);
  t.same(
    open.flatMap((isOpen, at) => (isOpen ? [at] : [])),
    [8, 9, 10, 11, 12, 13, 14],
    'two chunks before, three behind',
  );
});

t.test('speech gate: steady noise closes it after a while, quiet never opens it', async (t) => {
  const noise = gated(Array<number>(1_000).fill(0.01), {});
  t.equal(noise.at(0), true, 'a sudden sound may be speech');
  t.equal(noise.at(-1), false);
  t.notOk(gated(Array<number>(100).fill(0.0005), {}).includes(true));
});

t.test('chunker: 40 ms chunks of 16 kHz, the rest with flush, levels beside them', async (t) => {
  const chunks: AudioChunk[] = [];
  const levels: number[] = [];
  const chunker = new Chunker({
    inputRate: 48_000,
    onChunk: (chunk) => chunks.push(chunk),
    onLevel: ({ peakDb }) => levels.push(peakDb),
  });
  const tone = sine(440, 48_000, 1.01);
  for (let at = 0; at < tone.length; at += 960) chunker.push(tone.subarray(at, at + 960));
  chunker.flush();
  t.same([...new Set(chunks.slice(0, -1).map(({ samples }) => samples.length))], [640]);
  t.equal(chunks.at(-1)?.samples.length, 160);
  t.equal(chunks.length, levels.length);
  t.ok(levels.slice(1, -1).every((peak) => Math.abs(peak + 6) < 0.2));
  const peak = Math.max(...chunks.flatMap(({ samples }) => [...samples]));
  t.ok(Math.abs(peak - 16_384) < 200, `peak ${peak}`);
});

t.test('chunker: with a gate the timeline stays whole', async (t) => {
  let samples = 0;
  const chunker = new Chunker({ inputRate: 16_000, onChunk: (chunk) => (samples += chunk.samples.length), gate: {} });
  chunker.push(new Float32Array(16_100));
  chunker.push(sine(300, 16_000, 1));
  chunker.flush();
  t.equal(samples, 32_100);
});

t.test('errors: what the browser throws becomes a stable code', async (t) => {
  t.equal(codeOf('NotAllowedError'), 'permission_denied');
  t.equal(codeOf('NotFoundError'), 'no_device');
  t.equal(codeOf('OverconstrainedError'), 'no_device');
  t.equal(codeOf('NotReadableError'), 'device_busy');
  t.equal(codeOf('DataCloneError'), 'capture_failed');
  t.equal(captureErrorOf('nonsense').code, 'capture_failed');
  const error = new CaptureError('insecure_context');
  t.match(error, { name: 'CaptureError', retryable: false, message: /https/ });
  t.equal(captureErrorOf(error), error);
});

t.test('sendSamples: sends all, waits where the session is full, and stops at the signal', async (t) => {
  const sent: number[] = [];
  let waits = 0;
  const session = {
    send: (pcm: unknown) => {
      sent.push(...(pcm as Int16Array));
      return sent.length % 3_200 !== 0;
    },
    drained: async () => void waits++,
  };
  const samples = Int16Array.from({ length: 5_000 }, (_, at) => at);
  const progress: number[] = [];
  await sendSamples(session, samples, { onProgress: (at) => progress.push(at) });
  t.same(sent, [...samples]);
  t.equal(waits, 1);
  t.same(progress, [1_600, 3_200, 4_800, 5_000]);
  const stop = new AbortController();
  sent.length = 0;
  await sendSamples(session, samples, { signal: stop.signal, onProgress: () => stop.abort() });
  t.equal(sent.length, 1_600);
});
