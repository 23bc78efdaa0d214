// Rounds the weights of linear maps to integers of a few bits, with a scale for each output.
import { ModelError } from '../model-error.js';
import { findWeight, type Weights } from './safetensors.js';
import { readWeightValues } from './weight-values.js';

/** A linear map in integers: weight [output, input] is about `values[input * outputs + output] * scales[output]`. */
export interface Int8Weight {
  /** [inputs, outputs], as the product wants it: PyTorch's order turned round. */
  readonly values: Int8Array;
  /** [outputs] */
  readonly scales: Float32Array;
  readonly outputs: number;
  readonly inputs: number;
}

/**
 * The largest integer: 7 bits and a little. A CPU without VNNI instructions multiplies by vpmaddubsw, which adds two products of an unsigned and a signed
 * byte in 16 bits and cuts off what is above: 2 * 255 * 64 = 32640 still fits, so every CPU gets the same sums. Unsigned weights need no such care,
 * but on a CPU with VNNI their product is as slow as float32 (measured: 300 rows of 384 by 1536: fp32 2.9 ms, unsigned 2.9, signed 1.1).
 */
const largest = 64;

/** Reads and rounds the linear maps of these names. Throws ModelError `fileMissing` or `fileInvalid`. */
export async function readInt8Weights(weights: Weights, names: readonly string[]): Promise<Map<string, Int8Weight>> {
  const rounded = new Map<string, Int8Weight>();
  // One after the other: of the wide values only one matrix is in memory.
  for (const name of names) {
    const tensor = findWeight(weights, `${name}.weight`);
    const [outputs, inputs, ...more] = tensor.shape;
    if (outputs === undefined || inputs === undefined || more.length > 0) {
      throw new ModelError('fileInvalid', `${name}.weight is [${tensor.shape.join(', ')}], not a matrix`);
    }
    rounded.set(name, roundToInt8(await readWeightValues(weights, tensor), outputs, inputs));
  }
  return rounded;
}

/** Rounds a matrix [outputs, inputs], each output by its largest magnitude. */
export function roundToInt8(matrix: Float32Array, outputs: number, inputs: number): Int8Weight {
  const values = new Int8Array(matrix.length);
  const scales = new Float32Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const start = output * inputs;
    let magnitude = 0;
    for (let i = start; i < start + inputs; i++) magnitude = Math.max(magnitude, Math.abs(matrix[i] ?? 0));
    const scale = magnitude / largest;
    scales[output] = scale;
    if (scale === 0) continue;
    const perStep = 1 / scale;
    for (let input = 0; input < inputs; input++) {
      // To the nearest: what is above 0 is cut off, twice as fast as Math.round (measured).
      values[input * outputs + output] = (((matrix[start + input] ?? 0) * perStep + largest + 0.5) | 0) - largest;
    }
  }
  return { values, scales, outputs, inputs };
}
