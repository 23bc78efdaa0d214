// The tensors that a Whisper must have, with their shapes: what a foreign file is checked against before anything is
// written.
import { ModelError } from '../model-error.js';
import type { ModelSource, SourceDimensions, SourceTensor } from './model-source.js';

type Shape = readonly number[];

/** Far beyond any Whisper: a damaged or hostile file must not make long loops. */
const LIMITS = {
  width: 8_192,
  encoderHeads: 128,
  decoderHeads: 128,
  encoderLayers: 128,
  decoderLayers: 128,
  inner: 65_536,
  melBins: 256,
  vocabulary: 200_000,
  maxSourcePositions: 30_000,
  maxTargetPositions: 10_000,
} as const satisfies SourceDimensions;

/** @throws ModelError `file_invalid` naming the size that cannot be */
export function checkDimensions(dimensions: SourceDimensions, path: string): void {
  for (const [name, max] of Object.entries(LIMITS) as [keyof SourceDimensions, number][]) {
    const value = dimensions[name];
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new ModelError('file_invalid', `${path} is damaged, or not a Whisper: ${name} is ${value}`);
    }
  }
  for (const heads of [dimensions.encoderHeads, dimensions.decoderHeads]) {
    if (dimensions.width % heads !== 0) {
      throw new ModelError(
        'file_invalid',
        `${path}: a width of ${dimensions.width} is not a multiple of ${heads} heads`,
      );
    }
  }
}

/**
 * Checks that a source holds a whole Whisper and nothing else; its tensors in the network's order.
 * @throws ModelError `unsupported` naming the tensor
 */
export function wholeWhisper({ tensors, dimensions, path }: ModelSource): (readonly [string, SourceTensor])[] {
  const shapes = expectedShapes(dimensions);
  const unknown = [...tensors.keys()].find((name) => !shapes.has(name));
  if (unknown !== undefined) {
    throw new ModelError('unsupported', `${path} holds ${unknown}, which a Whisper of its size does not have`);
  }
  const found: (readonly [string, SourceTensor])[] = [];
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      if (name === UNTIED_VOCABULARY) continue;
      throw new ModelError('unsupported', `${path} has no ${name}: not a Whisper, or not the whole of it`);
    }
    if (!isSame(tensor.shape, shape)) {
      const [is, wanted] = [tensor.shape, shape].map((sizes) => sizes.join(' x '));
      throw new ModelError('unsupported', `${path}: ${name} is ${is}, and a Whisper of its size has ${wanted}`);
    }
    found.push([name, tensor]);
  }
  return found;
}

/** Absent where the output projection is the token embedding. */
export const UNTIED_VOCABULARY = 'proj_out.weight';

function expectedShapes(dimensions: SourceDimensions): Map<string, Shape> {
  const { width, inner } = dimensions;
  const shapes = new Map<string, Shape>();
  const linear = (name: string, outputs: number, inputs: number, hasBias = true): void => {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    if (hasBias) shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string): void => {
    shapes.set(`${name}.weight`, [width]).set(`${name}.bias`, [width]);
  };
  const attention = (name: string): void => {
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
      linear(`${name}.${part}`, width, width, part !== 'k_proj');
    }
    norm(`${name}_layer_norm`);
  };
  const convolution = (name: string, inputs: number): void => {
    shapes.set(`${name}.weight`, [width, inputs, 3]).set(`${name}.bias`, [width]);
  };
  const block = (name: string, attentions: readonly string[]): void => {
    for (const part of attentions) attention(`${name}.${part}`);
    linear(`${name}.fc1`, inner, width);
    linear(`${name}.fc2`, width, inner);
    norm(`${name}.final_layer_norm`);
  };
  convolution('encoder.conv1', dimensions.melBins);
  convolution('encoder.conv2', width);
  shapes.set('encoder.embed_positions.weight', [dimensions.maxSourcePositions, width]);
  for (let i = 0; i < dimensions.encoderLayers; i++) block(`encoder.layers.${i}`, ['self_attn']);
  norm('encoder.layer_norm');
  shapes.set('decoder.embed_tokens.weight', [dimensions.vocabulary, width]);
  shapes.set('decoder.embed_positions.weight', [dimensions.maxTargetPositions, width]);
  for (let i = 0; i < dimensions.decoderLayers; i++) block(`decoder.layers.${i}`, ['self_attn', 'encoder_attn']);
  norm('decoder.layer_norm');
  shapes.set(UNTIED_VOCABULARY, [dimensions.vocabulary, width]);
  return shapes;
}

function isSame(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
