// Maps in integers: near float32, row by row for itself, whole on every CPU, as they are stored or rounded here, and
// refused where they cannot be.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Choices,
  compileWhisper,
  OrtSession,
  WhisperNetwork,
  type CompileOptions,
  type NetworkOptions,
  type WhisperDecoder,
} from '@sotto/models';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { roundToInt8 } from '../../models/src/whisper/int8-weights.js';
import {
  randomAudio,
  RANDOM_WHISPER,
  writeRandomWhisper,
  type RandomWhisperOptions,
} from '../support/random-whisper.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-int8-'));
t.teardown(() => rm(folder, { recursive: true }));
let models = 0;

const write = (options: RandomWhisperOptions = {}): Promise<string> =>
  writeRandomWhisper(join(folder, String(models++)), options);

/** The encoder's states [batch, frames, width], row after row. */
type Encode = (...rows: readonly Float32Array[]) => Promise<Float32Array>;

async function encoder(t: Test, directory: string, int8: boolean, options: CompileOptions = {}): Promise<Encode> {
  const { encode, decode, weightsFolder } = await compileWhisper(directory, 'float32', { int8, ...options });
  decode.close();
  const session = await OrtSession.load(encode.model, {
    externalDataFolder: weightsFolder,
    initializers: encode.beside,
    intraOpThreads: 1,
  });
  // The session has what it needs of them.
  encode.close();
  t.teardown(() => session.close());
  return async (...rows) => {
    const data = Float32Array.from(rows.flatMap((row) => [...row]));
    const dims = [rows.length, data.length / rows.length];
    const { encoded } = await session.run({ audio: { type: 'float32', dims, data } }, ['encoded']);
    return encoded.data as Float32Array;
  };
}

const energy = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);

/** Root mean square of the difference by that of what is wanted. */
function relativeError(found: Float32Array, wanted: Float32Array): number {
  return Math.sqrt(energy(found.map((value, i) => value - (wanted[i] ?? Infinity))) / energy(wanted));
}

t.test('the states are near those of float32, whatever type the weights are stored in', async (t) => {
  for (const type of ['F32', 'F16', 'BF16'] as const) {
    const directory = await write({ seed: 3, type });
    const [int8, fp32] = await Promise.all([encoder(t, directory, true), encoder(t, directory, false)]);
    const audio = randomAudio(1, 16_000);
    const error = relativeError(await int8(audio), await fp32(audio));
    t.ok(error > 0 && error < 0.05, `${type}: within ${error}`);
  }
});

/** Logits of a decoder behind the first tokens of a text, [positions, vocabulary]. */
async function logitsOf(t: Test, directory: string, options: NetworkOptions): Promise<Float32Array> {
  const network = await WhisperNetwork.load(directory, { threads: 1, ...options });
  t.teardown(() => network.close());
  const decoder = await network.hear(randomAudio(4, 16_000), [16_000]);
  const tokens = [RANDOM_WHISPER.endOfText + 1, 5, 9, 200, 31];
  const columns = tokens.map((_, column) => column);
  const { logits } = await decoder.advance({
    batch: 1,
    tokens,
    positions: columns,
    present: tokens.map(() => true),
    select: columns,
    rules: columns.map(() => 'start'),
    logits: true,
  });
  decoder.close();
  return logits;
}

t.test('the logits are near those of float32', async (t) => {
  for (const config of [{}, { tie_word_embeddings: false }, { scale_embedding: true }]) {
    const directory = await write({ seed: 3, config });
    const [int8, fp32] = await Promise.all([logitsOf(t, directory, { precision: 'int8' }), logitsOf(t, directory, {})]);
    const error = relativeError(int8, fp32);
    t.ok(error > 0 && error < 0.05, `within ${error}`);
  }
});

t.test('weights that are stored in integers are those that they were rounded from, in every precision', async (t) => {
  for (const isTied of [true, false]) {
    const options = { seed: 3, config: { tie_word_embeddings: isTied } };
    const [wide, stored] = await Promise.all([write(options), write({ ...options, type: 'I8' })]);
    const wanted = await logitsOf(t, wide, {});
    const found: readonly [string, NetworkOptions][] = [
      ['as float32', {}],
      ['as integers', { precision: 'int8' }],
      ['with a cache in place', { cache: 'inPlace' }],
    ];
    for (const [name, network] of found) {
      const error = relativeError(await logitsOf(t, stored, network), wanted);
      t.ok(error > 0 && error < 0.05, `${name}: within ${error}`);
    }
  }
});

t.test('half precision unpacks them too', async (t) => {
  const stored = await write({ seed: 3, type: 'I8' });
  const { encode, decode, weightsFolder } = await compileWhisper(stored, 'float16');
  for (const { model } of [encode, decode]) {
    const session = await OrtSession.load(model, { externalDataFolder: weightsFolder, intraOpThreads: 1 });
    session.close();
  }
  t.pass('both graphs load');
});

t.test('a CPU that cuts off sums of bytes gets smaller bytes, and the same but for their rounding', async (t) => {
  const directory = await write({ seed: 3, type: 'I8' });
  const audio = randomAudio(1, 16_000);
  const [fp32, cutting] = await Promise.all([
    encoder(t, directory, false),
    encoder(t, directory, true, { isExact: false }),
  ]);
  const error = relativeError(await cutting(audio), await fp32(audio));
  t.ok(error > 0 && error < 0.1, `within ${error}`);
});

t.test('maps in integers of another type or shape are refused', async (t) => {
  const directory = await write({ type: 'I8', config: { decoder_ffn_dim: 64 } });
  await t.rejects(compileWhisper(directory, 'float32', { int8: true }), { code: 'file_invalid', message: /fc1/ });
  await t.rejects(compileWhisper(directory, 'float32'), { code: 'file_invalid', message: /fc1/ });
});

t.test('a row gets the same, to the last bit, alone and beside a row a thousand times as loud', async (t) => {
  const encode = await encoder(t, await write(), true);
  const rows = [randomAudio(1, 6_400).map((x) => x / 1000), randomAudio(2, 6_400), new Float32Array(6_400)];
  const together = await encode(...rows);
  for (const [i, row] of rows.entries()) {
    const alone = await encode(row);
    t.ok(
      alone.every((value) => Number.isFinite(value)),
      `row ${i} is finite`,
    );
    t.same(together.slice(i * alone.length, (i + 1) * alone.length), alone, `row ${i}`);
  }
});

t.test('property: rounding is off by half a step at most, and no pair of products leaves 16 bits', async (t) => {
  const outputs = 3;
  const matrix = fc.integer({ min: 1, max: 9 }).chain((inputs) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), {
        minLength: outputs * inputs,
        maxLength: outputs * inputs,
      })
      .map((values) => ({ inputs, values: Float32Array.from(values) })),
  );
  fc.assert(
    fc.property(matrix, ({ inputs, values }) => {
      const rounded = roundToInt8(values, outputs, inputs);
      return values.every((value, i) => {
        const [output, input] = [Math.floor(i / inputs), i % inputs];
        const scale = rounded.scales[output] ?? Number.NaN;
        const integer = rounded.values[input * outputs + output] ?? Number.NaN;
        const isWhole = Math.abs(integer) * 255 * 2 <= 32_767;
        return isWhole && Math.abs(integer * scale - value) <= scale * 0.5001 + 1e-30;
      });
    }),
  );
  t.pass('100 matrices');
});

t.test('a text of more tokens than a window has frames: the same, to the last bit, as token by token', async (t) => {
  const network = await WhisperNetwork.load(await write({ seed: 5 }), { threads: 2, precision: 'int8' });
  t.teardown(() => network.close());
  const windows = 3;
  const samples = 6_400;
  const length = samples / 320 + 9;
  const audio = Float32Array.from(Array.from({ length: windows }, (_, i) => [...randomAudio(i + 1, samples)]).flat());
  const texts = Array.from({ length: windows }, (_, row) =>
    Array.from({ length }, (_, i) => 3 + ((7 * i + row) % 190)),
  );
  /** Feeds the places from `start` on of all texts at once; what follows the last of them. */
  const feed = (decoder: WhisperDecoder, start: number, end: number): Promise<Choices> => {
    const places = Array.from({ length: end - start }, (_, i) => start + i);
    return decoder.advance({
      batch: windows,
      tokens: texts.flatMap((text) => text.slice(start, end)),
      positions: texts.flatMap(() => places),
      present: texts.flatMap(() => places.map(() => true)),
      select: texts.map((_, row) => (row + 1) * places.length - 1),
      rules: texts.map(() => 'start'),
      logits: true,
    });
  };
  const hear = (): Promise<WhisperDecoder> => network.hear(audio, Array<number>(windows).fill(samples));
  const [whole, stepwise] = [await hear(), await hear()];
  const { logits } = await feed(whole, 0, length);
  let last: Choices | undefined;
  for (let i = 0; i < length; i++) last = await feed(stepwise, i, i + 1);
  whole.close();
  stepwise.close();
  t.ok(logits.some((value) => value !== 0));
  t.same(logits, last?.logits);
});

t.test('precisions that a device does not have are refused', async (t) => {
  const directory = await write();
  const unsupported = { name: 'ModelError', code: 'unsupported' };
  await t.rejects(compileWhisper(directory, 'float16', { int8: true }), unsupported);
  const device = { name: 'cuda', deviceId: 0 } as const;
  for (const precision of ['int8', 'fp32'] as const) {
    await t.rejects(WhisperNetwork.load(directory, { device, precision }), unsupported);
  }
});
