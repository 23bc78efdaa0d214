// Weights of linear maps as integers of one byte, with a scale for each output: as they are stored, or rounded here.
import { ModelError } from '../model-error.js';
import type { ActivationBytes } from './integer-maps.js';
import { findInt8, findWeight, type StoredInt8, type Weights, type WeightTensor } from './safetensors.js';
import { readWeightValues } from './weight-values.js';

/** A linear map in integers: weight [output, input] is about `values[input * outputs + output] * scales[output]`. */
export interface Int8Matrix {
  /** [inputs, outputs], as the product wants it: PyTorch's order turned round. */
  readonly values: Int8Array;
  /** [outputs] */
  readonly scales: Float32Array;
}

/** What a graph needs of a map in integers. */
export interface Int8Weight {
  readonly matrix: Int8Matrix | StoredInt8;
  readonly outputs: number;
  readonly inputs: number;
  /** No integer of the matrix is larger. */
  readonly largest: number;
  readonly activationBytes: ActivationBytes;
}

export function isStored(matrix: Int8Matrix | StoredInt8): matrix is StoredInt8 {
  return !(matrix.values instanceof Int8Array);
}

/**
 * The largest integer that every CPU multiplies exactly: 7 bits and a little. A CPU without VNNI instructions
 * multiplies by vpmaddubsw, which adds two products of an unsigned and a signed byte in 16 bits and cuts off what is
 * above: 2 * 255 * 64 = 32640 still fits. Unsigned weights need no such care, but on a CPU with VNNI their product is
 * as slow as float32 (measured: 300 rows of 384 by 1536: fp32 2.9 ms, unsigned 2.9, signed 1.1).
 */
const LARGEST_ANYWHERE = 64;
const LARGEST = 127;

/** Numbers of a matrix that are read and rounded at a time: of the wide values only these are in memory. */
const NUMBERS_AT_ONCE = 4 * 1024 * 1024;

/** Room that the maps of these names take which are not stored in integers. Throws ModelError `file_invalid`. */
export function int8Bytes(weights: Weights, maps: ReadonlyMap<string, ActivationBytes>): number {
  let bytes = 0;
  for (const name of maps.keys()) {
    if (findInt8(weights, name) !== undefined) continue;
    const [outputs, inputs] = sizesOf(`${name}.weight`, findWeight(weights, `${name}.weight`));
    bytes += outputs * inputs;
  }
  return bytes;
}

/**
 * The maps of these names: where they are stored, or read and rounded. Throws ModelError `file_missing` or
 * `file_invalid`.
 * @param isExact whether the CPU sums products of bytes exactly, whatever they are
 * @param room zeros, as many as `int8Bytes` says: where what is rounded is put
 */
export async function readInt8Weights(
  weights: Weights,
  maps: ReadonlyMap<string, ActivationBytes>,
  isExact: boolean,
  room: Uint8Array,
): Promise<Map<string, Int8Weight>> {
  const read = new Map<string, Int8Weight>();
  let taken = 0;
  for (const [name, activationBytes] of maps) {
    const stored = findInt8(weights, name);
    if (stored !== undefined) {
      const [inputs, outputs] = sizesOf(`${name}.weight_int8`, stored.values);
      read.set(name, { matrix: stored, outputs, inputs, largest: LARGEST, activationBytes });
      continue;
    }
    const tensor = findWeight(weights, `${name}.weight`);
    const [outputs, inputs] = sizesOf(`${name}.weight`, tensor);
    const largest = isExact ? LARGEST : LARGEST_ANYWHERE;
    // One after the other, and in pieces.
    const values = new Int8Array(room.buffer, room.byteOffset + taken, outputs * inputs);
    taken += values.length;
    const matrix = { values, scales: new Float32Array(outputs) };
    await readAndRound(weights, tensor, matrix, inputs, largest);
    read.set(name, { matrix, outputs, inputs, largest, activationBytes });
  }
  return read;
}

function sizesOf(name: string, { shape }: WeightTensor): [rows: number, columns: number] {
  const [rows, columns, ...more] = shape;
  if (rows === undefined || columns === undefined || more.length > 0) {
    throw new ModelError('file_invalid', `${name} is [${shape.join(', ')}], not a matrix`);
  }
  return [rows, columns];
}

async function readAndRound(
  weights: Weights,
  tensor: WeightTensor,
  matrix: Int8Matrix,
  inputs: number,
  largest: number,
): Promise<void> {
  const outputs = matrix.scales.length;
  const rowBytes = tensor.length / outputs;
  const rows = Math.max(1, Math.floor(NUMBERS_AT_ONCE / inputs));
  for (let first = 0; first < outputs; first += rows) {
    const count = Math.min(rows, outputs - first);
    const piece = { ...tensor, offset: tensor.offset + first * rowBytes, length: count * rowBytes };
    roundInto(matrix, await readWeightValues(weights, piece), first, inputs, largest);
  }
}

/** Rounds a matrix [outputs, inputs], each output by its largest magnitude. */
export function roundToInt8(
  matrix: Float32Array,
  outputs: number,
  inputs: number,
  largest = LARGEST_ANYWHERE,
): Int8Matrix {
  const rounded = { values: new Int8Array(matrix.length), scales: new Float32Array(outputs) };
  roundInto(rounded, matrix, 0, inputs, largest);
  return rounded;
}

/** @param rows [some outputs, inputs], the first of them output `first` of the matrix */
function roundInto(matrix: Int8Matrix, rows: Float32Array, first: number, inputs: number, largest: number): void {
  const { values, scales } = matrix;
  const outputs = scales.length;
  for (let row = 0; row * inputs < rows.length; row++) {
    const start = row * inputs;
    let magnitude = 0;
    for (let i = start; i < start + inputs; i++) magnitude = Math.max(magnitude, Math.abs(rows[i] ?? 0));
    const scale = magnitude / largest;
    scales[first + row] = scale;
    if (scale === 0) continue;
    const perStep = 1 / scale;
    for (let input = 0; input < inputs; input++) {
      // To the nearest: what is above 0 is cut off, twice as fast as Math.round (measured).
      values[input * outputs + first + row] = (((rows[start + input] ?? 0) * perStep + largest + 0.5) | 0) - largest;
    }
  }
}
