// A Whisper of a few thousand random weights, to be written in the formats of other programs.
import { visitTensors } from '../../../models/src/synth/network-tensors.js';

export interface SmallTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SmallNetwork {
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly melBins: number;
  readonly vocabulary: number;
  readonly maxSourcePositions: number;
  readonly maxTargetPositions: number;
  /** By Hugging Face's names without `model.`. */
  readonly tensors: Map<string, SmallTensor>;
}

/** Weights are small multiples of 1/64, which halves hold exactly. */
export function smallNetwork(vocabulary: number, width = 8): SmallNetwork {
  const sizes = {
    width,
    heads: 2,
    layers: 1,
    melBins: 80,
    vocabulary,
    maxSourcePositions: 1500,
    maxTargetPositions: 16,
  };
  const tensors = new Map<string, SmallTensor>();
  let state = 1;
  const put = (name: string, ...shape: number[]): void => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      values[i] = ((state >>> 16) % 65) / 64 - 0.5;
    }
    tensors.set(name, { shape, values });
  };
  const linear = (name: string, outputs: number, inputs: number, hasBias: boolean): void => {
    put(`${name}.weight`, outputs, inputs);
    if (hasBias) put(`${name}.bias`, outputs);
  };
  const widthOf = (side: 'heads' | 'neurons'): number => (side === 'heads' ? width : 4 * width);
  const shape = { ...sizes, inner: 4 * width, encoderLayers: 1, decoderLayers: 1 };
  visitTensors(shape, {
    convolution: (name, inputs) => {
      put(`${name}.weight`, width, inputs, 3);
      put(`${name}.bias`, width);
    },
    table: (name, rows) => put(`${name}.weight`, rows, width),
    norm: (name) => {
      put(`${name}.weight`, width);
      put(`${name}.bias`, width);
    },
    reader: (name, to, hasBias) => linear(name, widthOf(to), width, hasBias),
    writer: (name, from) => linear(name, width, widthOf(from), true),
  });
  return { ...sizes, tensors };
}

/** OpenAI's name of a tensor (openai/whisper `model.py`). */
export function openaiName(name: string): string {
  const words: readonly (readonly [string, string])[] = [
    ['.layers.', '.blocks.'],
    ['self_attn', 'attn'],
    ['encoder_attn', 'cross_attn'],
    ['_layer_norm', '_ln'],
    ['q_proj', 'query'],
    ['k_proj', 'key'],
    ['v_proj', 'value'],
    ['out_proj', 'out'],
    ['final_ln', 'mlp_ln'],
    ['fc1', 'mlp.0'],
    ['fc2', 'mlp.2'],
    ['embed_positions.weight', 'positional_embedding'],
    ['embed_tokens', 'token_embedding'],
    ['encoder.layer_norm', 'encoder.ln_post'],
    ['decoder.layer_norm', 'decoder.ln'],
  ];
  return words.reduce((text, [from, to]) => text.replace(from, to), name);
}

export function floatBytes(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

export function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeInt32LE(value, 4 * i);
  return bytes;
}
