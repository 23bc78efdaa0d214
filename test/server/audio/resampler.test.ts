// Sample rate conversion: exact in time, the same however the stream is cut, and clean.
import * as fc from 'fast-check';
import t from 'tap';
import { Resampler, ResamplerError } from '../../../server/src/audio/resampler.js';
import { SAMPLE_RATE } from '../../../server/src/audio/samples.js';
import { sine } from '../../support/wav-file.js';
import { propertyRuns } from '../../support/property.js';

const RATES = [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 44_101];

/** The whole output for a stream that arrives in chunks of the given sizes (the last size repeats). */
function convert(input: Float32Array, rate: number, sizes: readonly number[]): Float32Array {
  const resampler = new Resampler(rate);
  const output: number[] = [];
  let chunk = 0;
  for (let at = 0; at < input.length; chunk++) {
    const size = sizes[Math.min(chunk, sizes.length - 1)] ?? input.length;
    output.push(...resampler.push(input.subarray(at, at + size)));
    at += size;
  }
  output.push(...resampler.flush());
  resampler.close();
  return Float32Array.from(output);
}

t.test('the result does not depend on how the stream was cut', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...RATES),
      fc.integer({ min: 0, max: 12_000 }),
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }),
      (rate, length, sizes) => {
        const input = Float32Array.from({ length }, (_, at) => Math.sin(at * at * 0.013) * 0.7);
        const whole = convert(input, rate, [Math.max(1, length)]);
        const cut = convert(input, rate, sizes);
        return whole.length === cut.length && whole.every((value, at) => Math.abs(value - (cut[at] ?? 9)) < 1e-6);
      },
    ),
    { numRuns: propertyRuns(60) },
  );
  t.pass('held for random cuts of random lengths at every rate');
});

t.test('n samples become round(n * 16000 / rate), times stay exact, a tone comes out clean', async (t) => {
  for (const rate of RATES) {
    const input = sine(1_000, rate, 0.73);
    const output = convert(input, rate, [rate / 50]);
    t.equal(output.length, Math.round((input.length * SAMPLE_RATE) / rate), `length from ${rate} Hz`);
    const expected = sine(1_000, SAMPLE_RATE, 0.73);
    const error = output
      .subarray(300, -300)
      .reduce((worst, value, at) => Math.max(worst, Math.abs(value - (expected[at + 300] ?? 9))), 0);
    t.ok(error < 1e-4, `no delay and no click from ${rate} Hz: worst error ${error}`);
  }
});

t.test('what lies above 8 kHz is removed', async (t) => {
  const output = convert(sine(9_000, 48_000, 0.5), 48_000, [960]);
  t.ok(output.subarray(500, -500).every((value) => Math.abs(value) < 1e-4));
});

t.test('16 kHz passes through untouched', async (t) => {
  const resampler = new Resampler(SAMPLE_RATE);
  const chunk = sine(440, SAMPLE_RATE, 0.02);
  t.equal(resampler.push(chunk), chunk);
  t.equal(resampler.flush().length, 0);
});

t.test('refuses impossible rates by name', async (t) => {
  for (const rate of [0, -8_000, 3_999, 44_100.5, NaN]) t.throws(() => new Resampler(rate), ResamplerError, `${rate}`);
});

t.test('refuses audio after close, which may be called twice', async (t) => {
  const resampler = new Resampler(48_000);
  resampler.close();
  resampler.close();
  t.throws(() => resampler.push(new Float32Array(10)), { code: 'resampler_failed' });
});

t.test('a thousand streams at once, and again: the memory of closed ones is used anew', async (t) => {
  for (let round = 0; round < 3; round++) {
    const streams = Array.from({ length: 1_000 }, () => new Resampler(44_100));
    t.equal(
      streams.every((stream) => stream.push(new Float32Array(882)).length > 0),
      true,
    );
    for (const stream of streams) stream.close();
  }
});
