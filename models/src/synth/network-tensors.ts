// Every tensor of WhisperForConditionalGeneration, named and told apart by what it does to the residual stream.
import type { NetworkShape } from './network-shape.js';

/** What is on the other side of a linear map from the residual stream. */
export type Inside = 'heads' | 'neurons';

/**
 * Receives the tensors; names are without `model.`. Maps have `<name>.weight` [outputs, inputs] and, most of them,
 * `<name>.bias`.
 */
export interface TensorVisitor {
  /** [width, inputs, 3] */
  convolution(name: string, inputs: number): void;
  /** `<name>.weight` [rows, width], a row of which begins the stream or is added to it. */
  table(name: string, rows: number): void;
  norm(name: string): void;
  /** A map from the normalised stream. */
  reader(name: string, to: Inside, hasBias: boolean): void;
  /** A map whose result is added to the stream. */
  writer(name: string, from: Inside): void;
}

export function visitTensors(shape: Omit<NetworkShape, 'heads'>, to: TensorVisitor): void {
  const attention = (name: string): void => {
    to.reader(`${name}.q_proj`, 'heads', true);
    to.reader(`${name}.k_proj`, 'heads', false);
    to.reader(`${name}.v_proj`, 'heads', true);
    to.writer(`${name}.out_proj`, 'heads');
    to.norm(`${name}_layer_norm`);
  };
  const feedForward = (name: string): void => {
    to.reader(`${name}.fc1`, 'neurons', true);
    to.writer(`${name}.fc2`, 'neurons');
    to.norm(`${name}.final_layer_norm`);
  };
  to.convolution('encoder.conv1', shape.melBins);
  to.convolution('encoder.conv2', shape.width);
  to.table('encoder.embed_positions', shape.maxSourcePositions);
  for (let i = 0; i < shape.encoderLayers; i++) {
    attention(`encoder.layers.${i}.self_attn`);
    feedForward(`encoder.layers.${i}`);
  }
  to.norm('encoder.layer_norm');
  to.table('decoder.embed_tokens', shape.vocabulary);
  to.table('decoder.embed_positions', shape.maxTargetPositions);
  for (let i = 0; i < shape.decoderLayers; i++) {
    attention(`decoder.layers.${i}.self_attn`);
    attention(`decoder.layers.${i}.encoder_attn`);
    feedForward(`decoder.layers.${i}`);
  }
  to.norm('decoder.layer_norm');
}
