// Reads the numbers of a weight, whatever type they are stored in.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../model-error.js';
import { findInt8, findWeight, type StoredInt8, type Weights, type WeightTensor } from './safetensors.js';

/**
 * The values of a tensor by its name without `model.`, row-major; a matrix that is stored in integers is unpacked.
 * Throws ModelError `file_missing` or `file_invalid`.
 */
export async function readNamedWeight(weights: Weights, name: string): Promise<Float32Array> {
  const stored = name.endsWith('.weight') ? findInt8(weights, name.slice(0, -'.weight'.length)) : undefined;
  if (stored === undefined) return readWeightValues(weights, findWeight(weights, name));
  return unpacked(stored, await readBytes(weights, stored.values), await readWeightValues(weights, stored.scales));
}

/** The values of a tensor, row-major. Throws ModelError `file_missing` or `file_invalid`. */
export async function readWeightValues(weights: Weights, tensor: WeightTensor): Promise<Float32Array> {
  if (tensor.type === 'I8') throw new ModelError('file_invalid', `${tensor.file}: integers without a scale`);
  const { buffer } = await readBytes(weights, tensor);
  if (tensor.type === 'F32') return new Float32Array(buffer);
  const words = new Uint16Array(buffer);
  return tensor.type === 'F16' ? floatsOfHalves(words) : floatsOfBrains(words);
}

/** [inputs, outputs] -> [outputs, inputs] */
function unpacked({ values: { shape, file } }: StoredInt8, bytes: Uint8Array, scales: Float32Array): Float32Array {
  const [inputs = 0, outputs = 0] = shape;
  if (scales.length !== outputs) throw new ModelError('file_invalid', `${file}: ${scales.length} scales of ${outputs}`);
  const integers = new Int8Array(bytes.buffer);
  const floats = new Float32Array(integers.length);
  for (let output = 0; output < outputs; output++) {
    const scale = scales[output] ?? 0;
    for (let input = 0; input < inputs; input++) {
      floats[output * inputs + input] = (integers[input * outputs + output] ?? 0) * scale;
    }
  }
  return floats;
}

/** In a buffer of its own: typed arrays over it begin at an aligned place. */
async function readBytes({ folder }: Weights, tensor: WeightTensor): Promise<Uint8Array<ArrayBuffer>> {
  const file = join(folder, tensor.file);
  const handle = await open(file).catch((cause: unknown) => {
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  try {
    const bytes = new Uint8Array(tensor.length);
    const { bytesRead } = await handle.read(bytes, 0, tensor.length, tensor.offset);
    if (bytesRead !== tensor.length) throw new ModelError('file_invalid', `${file} ends within its weights`);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** bfloat16 is the upper half of a float32. */
function floatsOfBrains(words: Uint16Array): Float32Array {
  const bits = new Uint32Array(words.length);
  for (let i = 0; i < words.length; i++) bits[i] = (words[i] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

/** By a table of all 65,536 halves: ten times faster than one by one. */
function floatsOfHalves(words: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, word) => floatOfHalf(word));
  const floats = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) floats[i] = halves[words[i] ?? 0] ?? 0;
  return floats;
}

let halves: Float32Array | undefined;

/** IEEE 754 half precision: sign, 5 bits of exponent (bias 15), 10 bits of fraction. */
export function floatOfHalf(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest half (ties to even), as bits; beyond its range infinity. */
export function halfOfFloat(value: number): number {
  float32[0] = value;
  const bits = bits32[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and more round up to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 halves are multiples of 2^-24.
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(float32[0] ?? 0) * 2 ** 24);
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
