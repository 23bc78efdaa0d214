// The first encoder layer of a widened model: it takes the mean out of what the convolutions leave.
import type { WideLayout } from './wide-layout.js';

/**
 * The most variance that the levels make: far above that of the sound, so that this hardly counts, and within what half
 * precision can sum up.
 */
const VARIANCE = 2 ** 15;

/**
 * What the convolutions leave has gone through GELU, so no weights of theirs can write its mean into the channels of
 * the mean, as all other maps do. This layer can subtract it: as long as these channels hold large levels, which add up
 * to 0, LayerNorm divides by (nearly) a constant and is linear. A neuron reads the mean, another one its opposite, and
 * GELU(x) - GELU(-x) = x. The layer takes the levels away too.
 */
export class Centring {
  /**
   * By channel of the wide stream: the levels, which the table of positions sets; 0 for all but the channels of the
   * mean.
   */
  readonly levels: Float32Array;
  /** The layer as if the small model had it, by their names in it; its attention, which does nothing, is not there. */
  readonly tensors: ReadonlyMap<string, Float32Array>;

  constructor(layout: WideLayout) {
    const { narrow, wide, means } = layout;
    const level = 2 ** Math.floor(Math.log2((VARIANCE * wide) / means) / 2);
    this.levels = Float32Array.from({ length: wide }, (_, channel) => {
      if (channel < wide - means) return 0;
      return layout.isOpposite(channel) ? -level : level;
    });
    const deviation = level * Math.sqrt(means / wide);
    // The stream's mean is copies * narrow / wide of the channels'; subtracting it leaves means / wide of that. The
    // weight is a power of 2, its rest in the norm.
    const share = wide / (means * narrow);
    const weight = 2 ** Math.round(Math.log2(share));
    this.tensors = new Map([
      ['final_layer_norm.weight', constant(narrow, (deviation * share) / weight / layout.normScale)],
      ['final_layer_norm.bias', constant(narrow, 0)],
      ['fc1.weight', Float32Array.from({ length: 2 * narrow }, (_, i) => (i < narrow ? weight : -weight))],
      ['fc1.bias', constant(2, 0)],
      ['fc2.weight', Float32Array.from({ length: 2 * narrow }, (_, i) => (i % 2 === 0 ? -1 : 1))],
      ['fc2.bias', constant(narrow, 0)],
    ]);
  }
}

function constant(length: number, value: number): Float32Array {
  return new Float32Array(length).fill(value);
}
