// The dimensions of a network that is written, and how config.json says them.
import type { WhisperSize } from './sizes.js';

export interface NetworkShape {
  readonly width: number;
  readonly heads: number;
  /** Width inside the feed-forward blocks. */
  readonly inner: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly melBins: number;
  readonly vocabulary: number;
  readonly maxSourcePositions: number;
  readonly maxTargetPositions: number;
}

/** What a size does not say by itself. */
export type MoreShape = Pick<NetworkShape, 'melBins' | 'vocabulary' | 'maxSourcePositions' | 'maxTargetPositions'>;

export function shapeOf({ width, heads, encoderLayers, decoderLayers }: WhisperSize, more: MoreShape): NetworkShape {
  return { width, heads, inner: 4 * width, encoderLayers, decoderLayers, ...more };
}

/** The entries of config.json that give the dimensions, and the type of the weights. */
export function dimensionsOf(shape: NetworkShape): Readonly<Record<string, unknown>> {
  return {
    d_model: shape.width,
    encoder_layers: shape.encoderLayers,
    decoder_layers: shape.decoderLayers,
    encoder_attention_heads: shape.heads,
    decoder_attention_heads: shape.heads,
    encoder_ffn_dim: shape.inner,
    decoder_ffn_dim: shape.inner,
    num_hidden_layers: shape.encoderLayers,
    vocab_size: shape.vocabulary,
    num_mel_bins: shape.melBins,
    max_source_positions: shape.maxSourcePositions,
    max_target_positions: shape.maxTargetPositions,
    torch_dtype: 'float16',
  };
}
