// Writes a tiny Whisper with seeded random weights in Hugging Face's layout: small enough for a test, real enough to
// decode.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { roundToInt8 } from '../../models/src/whisper/int8-weights.js';
import { visitTensors } from '../../models/src/synth/network-tensors.js';
import { smallTokenizer, SPECIAL_NAMES } from './small-tokenizer.js';

type StoredType = 'F32' | 'F16' | 'BF16' | 'I8';

export interface RandomWhisperOptions {
  readonly seed?: number;
  readonly encoderHeads?: number;
  readonly decoderHeads?: number;
  readonly melBins?: 80 | 128;
  /** `I8`: linear maps and the token table in integers, the rest in halves. */
  readonly type?: StoredType;
  /** Two weight files and an index. */
  readonly sharded?: boolean;
  /** Names without `model.`, as WhisperModel saves them. */
  readonly bare?: boolean;
  /** Merged into config.json and generation_config.json. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly generation?: Readonly<Record<string, unknown>>;
  /** How loudly <|endoftext|> speaks: the higher, the shorter the texts. */
  readonly endGain?: number;
  /** A token as likely as which every timestamp is. */
  readonly timestampsLike?: number;
}

const BYTES = 256;
export const RANDOM_WHISPER = {
  width: 64,
  inner: 128,
  layers: 2,
  vocabulary: BYTES + SPECIAL_NAMES.length,
  maxSourcePositions: 1500,
  maxTargetPositions: 64,
  endOfText: BYTES,
} as const;

interface RandomTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Writes the folder and returns its path. */
export async function writeRandomWhisper(directory: string, options: RandomWhisperOptions = {}): Promise<string> {
  const { encoderHeads = 4, decoderHeads = 4, melBins = 80, type = 'F32' } = options;
  await mkdir(directory, { recursive: true });
  const { width, inner, layers, vocabulary } = RANDOM_WHISPER;
  const json = (name: string, content: object) => writeFile(join(directory, name), JSON.stringify(content));
  await json('config.json', {
    model_type: 'whisper',
    d_model: width,
    encoder_layers: layers,
    decoder_layers: layers,
    encoder_attention_heads: encoderHeads,
    decoder_attention_heads: decoderHeads,
    encoder_ffn_dim: inner,
    decoder_ffn_dim: inner,
    vocab_size: vocabulary,
    num_mel_bins: melBins,
    max_source_positions: RANDOM_WHISPER.maxSourcePositions,
    max_target_positions: RANDOM_WHISPER.maxTargetPositions,
    decoder_start_token_id: RANDOM_WHISPER.endOfText + 1,
    eos_token_id: RANDOM_WHISPER.endOfText,
    pad_token_id: RANDOM_WHISPER.endOfText,
    bos_token_id: RANDOM_WHISPER.endOfText,
    suppress_tokens: [],
    begin_suppress_tokens: [],
    ...options.config,
  });
  await json('generation_config.json', {
    is_multilingual: true,
    alignment_heads: [
      [0, 1],
      [1, 0],
      [1, 1],
    ],
    ...options.generation,
  });
  await json('preprocessor_config.json', { feature_size: melBins, sampling_rate: 16_000, hop_length: 160, n_fft: 400 });
  await json('tokenizer.json', smallTokenizer([]));
  const tensors = randomTensors(options, melBins);
  if (!options.sharded) {
    await writeFile(join(directory, 'model.safetensors'), safetensors(tensors, type));
    return directory;
  }
  const shards = [tensors.slice(0, tensors.length / 2), tensors.slice(tensors.length / 2)];
  const map: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`;
    for (const { name } of shard) map[name] = file;
    await writeFile(join(directory, file), safetensors(shard, type));
  }
  await json('model.safetensors.index.json', { metadata: {}, weight_map: map });
  return directory;
}

/** Noise and tones that differ from seed to seed. @param samples at 16 kHz */
export function randomAudio(seed: number, samples: number): Float32Array {
  const random = uniform(seed);
  const pitch = 0.02 + 0.1 * random();
  return Float32Array.from(
    { length: samples },
    (_, i) => 0.3 * Math.sin(pitch * i) * Math.sin(i / 3000) + 0.1 * random(),
  );
}

function randomTensors(options: RandomWhisperOptions, melBins: number): RandomTensor[] {
  const { width, inner, layers } = RANDOM_WHISPER;
  const shape = { ...RANDOM_WHISPER, encoderLayers: layers, decoderLayers: layers, melBins };
  const random = uniform(options.seed ?? 1);
  const prefix = options.bare ? '' : 'model.';
  const tensors: RandomTensor[] = [];
  // Uniform in +-sqrt(3) has variance 1.
  const spread = (length: number, scale: number, around = 0): Float32Array =>
    Float32Array.from({ length }, () => around + scale * Math.sqrt(3) * (2 * random() - 1));
  const add = (name: string, shape: readonly number[], scale: number, around = 0): Float32Array => {
    const length = shape.reduce((product, dim) => product * dim, 1);
    const values = spread(length, scale, around);
    tensors.push({ name: prefix + name, shape, values });
    return values;
  };
  const linear = (name: string, outputs: number, inputs: number, bias = true): void => {
    add(`${name}.weight`, [outputs, inputs], 2 / Math.sqrt(inputs));
    if (bias) add(`${name}.bias`, [outputs], 0.1);
  };
  const inside = { heads: width, neurons: inner };
  const tables = new Map<string, Float32Array>();
  visitTensors(shape, {
    convolution(name, inputs) {
      add(`${name}.weight`, [width, inputs, 3], 2 / Math.sqrt(3 * inputs));
      add(`${name}.bias`, [width], 0.1);
    },
    table(name, rows) {
      const scale = name === 'decoder.embed_positions' ? 0.5 : 0.3;
      tables.set(name, add(`${name}.weight`, [rows, width], scale));
    },
    norm(name) {
      add(`${name}.weight`, [width], 0.2, 1);
      add(`${name}.bias`, [width], 0.1);
    },
    reader: (name, to, hasBias) => linear(name, inside[to], width, hasBias),
    writer: (name, from) => linear(name, width, inside[from]),
  });
  if (options.config?.tie_word_embeddings === false) {
    tensors.push({
      name: 'proj_out.weight',
      shape: [RANDOM_WHISPER.vocabulary, width],
      values: spread(RANDOM_WHISPER.vocabulary * width, 0.3),
    });
  }
  const embedding = tables.get('decoder.embed_tokens') ?? new Float32Array();
  const end = RANDOM_WHISPER.endOfText * width;
  const gain = options.endGain ?? 1.5;
  for (let i = end; i < end + width; i++) embedding[i] = (embedding[i] ?? 0) * gain;
  if (options.timestampsLike !== undefined) {
    const like = embedding.slice(options.timestampsLike * width, (options.timestampsLike + 1) * width);
    for (const name of SPECIAL_NAMES)
      if (/\d/.test(name)) embedding.set(like, (BYTES + SPECIAL_NAMES.indexOf(name)) * width);
  }
  return tensors;
}

function safetensors(tensors: readonly RandomTensor[], type: StoredType): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const data: Buffer[] = [];
  let at = 0;
  const add = (name: string, dtype: StoredType, shape: readonly number[], bytes: Buffer): void => {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    data.push(bytes);
  };
  for (const { name, shape, values } of tensors) {
    const [outputs = 0, inputs = 0] = shape;
    if (type !== 'I8') add(name, type, shape, encode(values, type));
    else if (shape.length !== 2 || name.includes('embed_positions')) add(name, 'F16', shape, encode(values, 'F16'));
    else {
      const rounded = roundToInt8(values, outputs, inputs, 127);
      add(`${name}_int8`, 'I8', [inputs, outputs], Buffer.from(rounded.values.buffer));
      add(`${name}_scale`, 'F32', [outputs], Buffer.from(rounded.scales.buffer));
    }
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

function encode(values: Float32Array, type: 'F32' | 'F16' | 'BF16'): Buffer {
  if (type === 'F32') return Buffer.from(values.buffer);
  const bits = new Uint32Array(values.buffer);
  const halves = Uint16Array.from(bits, type === 'BF16' ? (word) => word >>> 16 : halfOfFloat);
  return Buffer.from(halves.buffer);
}

/** The bits of a float32 as IEEE half precision, cut off; magnitudes below 2^-14 become 0. */
function halfOfFloat(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 112;
  return exponent <= 0 ? sign : sign | (exponent << 10) | ((word >>> 13) & 0x3ff);
}

/** Uniform in [0, 1), repeatable: mulberry32. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
