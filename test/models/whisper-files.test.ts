// What is read of a Whisper folder, and how what cannot be used is refused: configuration and weights.
import { mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileWhisper, ModelError, readWhisperConfig } from '@sotto/models';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { readWeights } from '../../models/src/whisper/safetensors.js';
import { writeRandomWhisper, type RandomWhisperOptions } from '../support/random-whisper.js';
import { propertyRuns } from '../support/property.js';

async function model(t: Test, options: RandomWhisperOptions = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-files-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return writeRandomWhisper(join(folder, 'model'), options);
}

t.test('the configuration is read, with fallbacks for what fine-tunes leave out', async (t) => {
  const directory = await model(t, { encoderHeads: 8, decoderHeads: 2, melBins: 128 });
  t.match(await readWhisperConfig(directory), {
    width: 64,
    encoderHeads: 8,
    decoderHeads: 2,
    melBins: 128,
    isMultilingual: true,
    tiedEmbedding: true,
    alignmentHeads: [
      [0, 1],
      [1, 0],
      [1, 1],
    ],
  });
  await rm(join(directory, 'generation_config.json'));
  await rm(join(directory, 'preprocessor_config.json'));
  t.match(await readWhisperConfig(directory), {
    isMultilingual: false,
    suppressTokens: [],
    // All heads of the upper half of the decoder.
    alignmentHeads: [
      [1, 0],
      [1, 1],
    ],
  });
});

t.test('what is no Whisper, or another one, is refused by name', async (t) => {
  const refuses = async (code: string, message: RegExp, options: RandomWhisperOptions): Promise<void> => {
    await t.rejects(readWhisperConfig(await model(t, options)), { name: 'ModelError', code, message });
  };
  await refuses('unsupported', /model_type is "llama"/, { config: { model_type: 'llama' } });
  await refuses('unsupported', /activation_function "relu"/, { config: { activation_function: 'relu' } });
  await refuses('unsupported', /128 mel bins .* needed are 80/, { melBins: 128, config: { num_mel_bins: 80 } });
  await refuses('file_invalid', /d_model 64 is not a multiple of 5 heads/, { decoderHeads: 5 });
  await refuses('file_invalid', /encoder_layers/, { config: { encoder_layers: 'two' } });
  await refuses('file_invalid', /no alignment head \[7, 0\]/, { generation: { alignment_heads: [[7, 0]] } });
  const directory = await model(t);
  await writeFile(join(directory, 'generation_config.json'), '{');
  await t.rejects(readWhisperConfig(directory), {
    code: 'file_invalid',
    message: /generation_config\.json is not JSON/,
  });
  await rm(join(directory, 'config.json'));
  await t.rejects(readWhisperConfig(directory), { code: 'file_missing', message: /config\.json/ });
});

t.test('tensors are found in one file, in shards, and through links', async (t) => {
  const whole = await readWeights(await model(t));
  const directory = await model(t, { sharded: true });
  const sharded = await readWeights(directory);
  t.same([...sharded.tensors.keys()].sort(), [...whole.tensors.keys()].sort());
  t.same(new Set([...sharded.tensors.values()].map(({ file }) => file)).size, 2);
  t.match(whole.tensors.get('model.encoder.conv1.weight'), {
    type: 'F32',
    shape: [64, 80, 3],
    length: 64 * 80 * 3 * 4,
  });
  // A hub's cache: the files of a snapshot are links into a folder of blobs.
  const blobs = join(directory, '..', 'blobs');
  await mkdir(join(blobs, 'deep'), { recursive: true });
  for (const [i, place] of ['a', 'deep/b'].entries()) {
    const file = join(directory, `model-0000${i + 1}-of-00002.safetensors`);
    await rename(file, join(blobs, place));
    await symlink(join(blobs, place), file);
  }
  const linked = await readWeights(directory);
  t.match(linked.folder, /blobs$/);
  t.same(new Set([...linked.tensors.values()].map(({ file }) => file)), new Set(['a', 'deep/b']));
  t.ok((await compileWhisper(directory, 'float32')).encode.model.length > 0);
});

t.test('weights that are cut off, missing or of another shape are refused by name', async (t) => {
  const directory = await model(t);
  const file = join(directory, 'model.safetensors');
  const bytes = await readFile(file);
  await truncate(file, bytes.length - 1);
  await t.rejects(readWeights(directory), {
    name: 'ModelError',
    code: 'file_invalid',
    message: new RegExp(`is cut off: 1 of ${bytes.length} bytes are missing$`),
  });
  await truncate(file, 100);
  await t.rejects(readWeights(directory), { code: 'file_invalid', message: /cut off/ });
  await writeFile(file, bytes.subarray(0, 3));
  await t.rejects(readWeights(directory), { code: 'file_invalid' });
  await rm(file);
  await t.rejects(readWeights(directory), { code: 'file_missing', message: /model\.safetensors/ });

  const wider = await model(t, { config: { vocab_size: 300 } });
  await t.rejects(compileWhisper(wider, 'float32'), {
    code: 'file_invalid',
    message: /embed_tokens\.weight is \[268, 64\]/,
  });
  const deeper = await model(t, { config: { decoder_layers: 3 } });
  await t.rejects(compileWhisper(deeper, 'float32'), { code: 'file_invalid', message: /hold no .*decoder\.layers\.2/ });
});

t.test('property: bytes in place of weights are read or refused, never anything else', async (t) => {
  const directory = await model(t);
  const file = join(directory, 'model.safetensors');
  const valid = (await readFile(file)).subarray(0, 4_000);
  const length = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(n);
    return bytes;
  });
  const header = fc.json().map((json) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
    return Buffer.concat([bytes, Buffer.from(json)]);
  });
  const damaged = fc
    .record({ at: fc.nat({ max: valid.length - 1 }), byte: fc.nat({ max: 255 }) })
    .map(({ at, byte }) => Buffer.concat([valid.subarray(0, at), Buffer.of(byte), valid.subarray(at + 1)]));
  const contents = fc.oneof(fc.uint8Array({ maxLength: 200 }), length, header, damaged);
  await fc.assert(
    fc.asyncProperty(contents, async (bytes) => {
      await writeFile(file, bytes);
      try {
        await readWeights(directory);
        return true;
      } catch (error) {
        return error instanceof ModelError;
      }
    }),
    { numRuns: propertyRuns(200) },
  );
  t.pass('200 files');
});
