// Finds every tensor of a safetensors model, sharded or not, without reading the weights themselves.
import { open, readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { parseJson } from '../parse-json.js';

/** Element types of weights, by their names in safetensors, with bytes per element. */
const weightBytes = { F32: 4, F16: 2, BF16: 2, I8: 1 } as const;
export type WeightType = keyof typeof weightBytes;

/** Where a tensor lies: `length` bytes at `offset` of `file` (relative to the folder of `Weights`). */
export interface WeightTensor {
  readonly type: WeightType;
  readonly shape: readonly number[];
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export interface Weights {
  /** A real folder (no symbolic link) that holds every weight file, at any depth. */
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, WeightTensor>;
}

/**
 * Where a linear map lies that is stored in integers: weight[output][input] is
 * `values[input][output] * scales[output]`.
 */
export interface StoredInt8 {
  /** I8 [inputs, outputs], -127 to 127: turned round against PyTorch, so that the CPU's product takes it as it lies. */
  readonly values: WeightTensor;
  /** F32 [outputs] */
  readonly scales: WeightTensor;
}

/**
 * The map `name` (without `.weight`) if it is stored in integers, as `<name>.weight_int8` and `<name>.weight_scale`.
 * Throws ModelError `file_invalid`.
 */
export function findInt8(weights: Weights, name: string): StoredInt8 | undefined {
  const values = lookUp(weights, `${name}.weight_int8`);
  if (values === undefined) return undefined;
  const scales = findWeight(weights, `${name}.weight_scale`);
  if (values.type !== 'I8' || scales.type !== 'F32') {
    throw new ModelError('file_invalid', `${name} is stored in ${values.type} with scales in ${scales.type}`);
  }
  return { values, scales };
}

/**
 * A tensor by its name in WhisperForConditionalGeneration without `model.`. Throws ModelError `file_invalid` when there
 * is none.
 */
export function findWeight(weights: Weights, name: string): WeightTensor {
  const tensor = lookUp(weights, name);
  if (tensor === undefined) throw new ModelError('file_invalid', `the weights hold no ${name}`);
  return tensor;
}

/** WhisperForConditionalGeneration saves its network under `model.`, WhisperModel does not. */
function lookUp({ tensors }: Weights, name: string): WeightTensor | undefined {
  return tensors.get(`model.${name}`) ?? tensors.get(name);
}

/** A header holds a few hundred bytes per tensor; more than this is no model but an attack or a mistake. */
const maxHeaderBytes = 100 * 1024 * 1024;

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const HeaderEntry = v.looseObject({ dtype: v.string(), shape: v.array(size), data_offsets: v.tuple([size, size]) });
const ShardIndex = v.looseObject({ weight_map: v.record(v.string(), v.string()) });

/**
 * Reads the header of `model.safetensors`, or of each shard that `model.safetensors.index.json` names. Links are
 * followed: in a hub's cache the files of a snapshot are links into a folder of blobs.
 * @throws ModelError `file_missing` or `file_invalid`
 */
export async function readWeights(directory: string): Promise<Weights> {
  const names = await shardNames(directory);
  const shards = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      const file = await realpath(path).catch((cause: unknown) => {
        throw new ModelError('file_missing', `${path} cannot be read`, { cause });
      });
      return { file, tensors: await readHeader(file) };
    }),
  );
  const folder = commonFolder(shards.map(({ file }) => dirname(file)));
  const tensors = new Map<string, WeightTensor>();
  for (const shard of shards) {
    const file = relative(folder, shard.file).split(sep).join('/');
    for (const [name, tensor] of shard.tensors) tensors.set(name, { ...tensor, file });
  }
  return { folder, tensors };
}

async function shardNames(directory: string): Promise<string[]> {
  const file = join(directory, 'model.safetensors.index.json');
  // Without an index, the one file must be there, and says so itself when it is not.
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return ['model.safetensors'];
  return [...new Set(Object.values(parseJson(ShardIndex, text, file).weight_map))];
}

/**
 * Format: 8 bytes little-endian header length, JSON header, data; offsets count from the end of the header
 * (huggingface/safetensors).
 */
async function readHeader(file: string): Promise<Map<string, Omit<WeightTensor, 'file'>>> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  try {
    const { size: fileBytes } = await handle.stat();
    const prefix = await handle.read(Buffer.alloc(8), 0, 8, 0);
    const headerBytes = prefix.bytesRead === 8 ? Number(prefix.buffer.readBigUInt64LE()) : Infinity;
    if (headerBytes > maxHeaderBytes || 8 + headerBytes > fileBytes) {
      throw new ModelError('file_invalid', `${file} is not a safetensors file, or it is cut off`);
    }
    const header = await handle.read(Buffer.alloc(headerBytes), 0, headerBytes, 8);
    return parseHeader(header.buffer.toString('utf8'), 8 + headerBytes, fileBytes, file);
  } finally {
    await handle.close();
  }
}

function parseHeader(
  json: string,
  dataStart: number,
  fileBytes: number,
  file: string,
): Map<string, Omit<WeightTensor, 'file'>> {
  const header = parseJson(v.record(v.string(), v.unknown()), json, file);
  const tensors = new Map<string, Omit<WeightTensor, 'file'>>();
  let dataEnd = dataStart;
  for (const [name, raw] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = v.safeParse(HeaderEntry, raw);
    if (!entry.success) throw new ModelError('file_invalid', `${file}: ${name}: ${v.summarize(entry.issues)}`);
    const { dtype, shape, data_offsets: offsets } = entry.output;
    // Some files carry tensors of other types beside the weights; nothing in Whisper's network is one.
    if (!isWeightType(dtype)) continue;
    const [start, end] = offsets;
    const length = end - start;
    const expected = shape.reduce((product, dim) => product * dim, weightBytes[dtype]);
    if (length !== expected) {
      throw new ModelError('file_invalid', `${file}: ${name} has ${length} bytes, its shape needs ${expected}`);
    }
    dataEnd = Math.max(dataEnd, dataStart + end);
    tensors.set(name, { type: dtype, shape, offset: dataStart + start, length });
  }
  if (dataEnd > fileBytes) {
    throw new ModelError('file_invalid', `${file} is cut off: ${dataEnd - fileBytes} of ${dataEnd} bytes are missing`);
  }
  return tensors;
}

function isWeightType(dtype: string): dtype is WeightType {
  return Object.hasOwn(weightBytes, dtype);
}

function commonFolder(folders: readonly string[]): string {
  const [first = '', ...others] = folders.map((folder) => folder.split(sep));
  let shared = [...first];
  for (const parts of others) {
    const differs = shared.findIndex((part, i) => part !== parts[i]);
    if (differs >= 0) shared = shared.slice(0, differs);
  }
  return shared.join(sep) || sep;
}
