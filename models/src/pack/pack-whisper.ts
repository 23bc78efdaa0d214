// A Whisper with its matrices in integers of one byte: half the size of half precision, and what a CPU calculates with.
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../model-error.js';
import { writeModelFolder } from '../model-folder/write-model-folder.js';
import { type TensorToWrite, writeSafetensors, type WriteProgress } from '../model-folder/write-safetensors.js';
import { MANIFEST_FILE } from '../registry/manifest.js';
import { validateModel } from '../registry/model-files.js';
import { roundToInt8 } from '../whisper/int8-weights.js';
import { findInt8, readWeights, type Weights, type WeightTensor } from '../whisper/safetensors.js';
import { halfOfFloat, readWeightValues } from '../whisper/weight-values.js';

const KEPT_FILES = ['config.json', 'generation_config.json', 'preprocessor_config.json', MANIFEST_FILE, 'README.md'];
const TOKENIZER = 'tokenizer.json';
const WEIGHT = '.weight';
const TOKENS = 'decoder.embed_tokens';
/** The largest integer: -128 would have no opposite. */
const LARGEST = 127;

/**
 * Writes `directory` from a folder in Hugging Face's layout. A matrix X is stored as `X.weight_int8` [inputs, outputs]
 * and `X.weight_scale` [outputs], the largest magnitude of an output being 127 (one scale for a whole matrix ruins a
 * Whisper). The rest is in half precision: convolutions, norms, biases, positions.
 * @throws ModelError `file_missing`, `file_invalid` or `unsupported` for the source, `name_taken` for the target
 */
export async function packWhisper(source: string, directory: string, onProgress?: WriteProgress): Promise<void> {
  const { config } = await validateModel(source);
  const weights = await readWeights(source);
  if (findInt8(weights, TOKENS) !== undefined) throw new ModelError('unsupported', `${source} is packed already`);
  const names = [...weights.tensors.keys()].filter((name) => !(config.tiedEmbedding && name.startsWith('proj_out.')));
  const tensors = names.flatMap((name) => packed(weights, name));
  const present = await readdir(source);
  await writeModelFolder(directory, async (draft) => {
    for (const name of KEPT_FILES.filter((file) => present.includes(file))) {
      await copyFile(join(source, name), join(draft, name));
    }
    // Without its blanks, which are half of it.
    const tokenizer: unknown = JSON.parse(await readFile(join(source, TOKENIZER), 'utf8'));
    await writeFile(join(draft, TOKENIZER), JSON.stringify(tokenizer));
    await writeSafetensors(join(draft, 'model.safetensors'), tensors, onProgress);
  });
}

/** What takes a tensor's place. */
function packed(weights: Weights, name: string): TensorToWrite[] {
  const tensor = weights.tensors.get(name);
  if (tensor === undefined) return [];
  const [outputs, inputs, ...more] = tensor.shape;
  const isMatrix = outputs !== undefined && inputs !== undefined && more.length === 0;
  if (!isMatrix || !name.endsWith(WEIGHT) || name.includes('embed_positions') || name.startsWith('proj_out.')) {
    return [{ name, type: 'F16', shape: tensor.shape, pieces: () => halves(weights, tensor) }];
  }
  const rounded = async () => roundToInt8(await readWeightValues(weights, tensor), outputs, inputs, LARGEST);
  return [
    {
      name: `${name}_int8`,
      type: 'I8',
      shape: [inputs, outputs],
      async *pieces() {
        yield bytesOf((await rounded()).values);
      },
    },
    {
      name: `${name}_scale`,
      type: 'F32',
      shape: [outputs],
      // Rounded again rather than kept: of all matrices one is in memory.
      async *pieces() {
        yield bytesOf((await rounded()).scales);
      },
    },
  ];
}

async function* halves(weights: Weights, tensor: WeightTensor): AsyncIterable<Uint8Array> {
  yield bytesOf(Uint16Array.from(await readWeightValues(weights, tensor), halfOfFloat));
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
