// The Hugging Face files of a Whisper: what must be in a folder before it counts as a model.
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { WhisperTokenizer } from '../tokenizer/index.js';
import { parseJson } from './manifest.js';

const count = v.pipe(v.number(), v.integer(), v.minValue(1));

const Config = v.looseObject({
  model_type: v.literal('whisper'),
  d_model: count,
  encoder_layers: count,
  decoder_layers: count,
  num_mel_bins: v.picklist([80, 128]),
  vocab_size: count,
  max_source_positions: count,
});
const ShardIndex = v.looseObject({ weight_map: v.record(v.string(), v.string()) });
/** A safetensors header is JSON of tensors by name; 100 MB is the format's own bound. */
const HEADER_BYTES_MAX = 100_000_000;

/** What a folder holds. */
export interface ModelFiles {
  readonly directory: string;
  readonly weights: readonly string[];
  /** Bytes of all weight files. */
  readonly weightBytes: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly width: number;
}

/**
 * Looks at config and weights without loading them: fast enough for a list.
 * @throws ModelError `fileMissing`, `fileInvalid` or `unsupported`
 */
export async function inspectModel(directory: string): Promise<ModelFiles> {
  const file = join(directory, 'config.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ModelError('fileMissing', `${file} cannot be read: not a model's folder`, { cause });
  });
  const config = parseJson(Config, text, file);
  const weights = await findWeights(directory);
  const sizes = await Promise.all(weights.map((path) => stat(path).then(({ size }) => size)));
  return {
    directory,
    weights,
    weightBytes: sizes.reduce((sum, size) => sum + size, 0),
    encoderLayers: config.encoder_layers,
    decoderLayers: config.decoder_layers,
    width: config.d_model,
  };
}

/**
 * Everything that {@link inspectModel} looks at, and the tokenizer and the weights' headers too: what is added must be able to load.
 * @throws ModelError `fileMissing`, `fileInvalid` or `unsupported`
 */
export async function validateModel(directory: string): Promise<ModelFiles> {
  const files = await inspectModel(directory);
  await WhisperTokenizer.load(directory);
  const tensors = (await Promise.all(files.weights.map(readTensorNames))).flat();
  const wanted = ['encoder.conv1.weight', 'decoder.embed_tokens.weight'];
  for (const name of wanted) {
    if (!tensors.some((tensor) => tensor.endsWith(name))) {
      throw new ModelError(
        'unsupported',
        `${directory}: the weights have no ${name}: not a Whisper of Hugging Face's layout`,
      );
    }
  }
  return files;
}

/** model.safetensors, or the shards that its index names. */
async function findWeights(directory: string): Promise<string[]> {
  const whole = join(directory, 'model.safetensors');
  if (await exists(whole)) return [whole];
  const index = `${whole}.index.json`;
  const text = await readFile(index, 'utf8').catch((cause: unknown) => {
    throw new ModelError('fileMissing', `${directory} has no model.safetensors (PyTorch .bin files are not read)`, {
      cause,
    });
  });
  const shards = [...new Set(Object.values(parseJson(ShardIndex, text, index).weight_map))].sort();
  const paths = shards.map((shard) => join(directory, shard));
  for (const path of paths) {
    if (!(await exists(path))) throw new ModelError('fileMissing', `${path}, a shard of the weights, is not there`);
  }
  return paths;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Names of the tensors in a safetensors file: 8 bytes of length (little endian), then the JSON header. */
async function readTensorNames(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const prefix = Buffer.alloc(8);
    await file.read(prefix, 0, 8, 0);
    const length = Number(prefix.readBigUInt64LE());
    if (length > Math.min(HEADER_BYTES_MAX, size - 8)) {
      throw new ModelError('fileInvalid', `${path} is no safetensors file, or its end is missing`);
    }
    const header = Buffer.alloc(length);
    await file.read(header, 0, length, 8);
    const Header = v.record(v.string(), v.looseObject({ data_offsets: v.optional(v.tuple([v.number(), v.number()])) }));
    const tensors = Object.entries(parseJson(Header, header.toString('utf8'), path));
    const end = Math.max(0, ...tensors.map(([, { data_offsets: offsets }]) => offsets?.[1] ?? 0));
    if (8 + length + end !== size) {
      throw new ModelError('fileInvalid', `${path} has ${size} bytes where its header promises ${8 + length + end}`);
    }
    return tensors.map(([name]) => name);
  } finally {
    await file.close();
  }
}
