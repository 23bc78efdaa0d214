// How the residual stream of a small model lies in a wider one, so that LayerNorm says of both the same.

/**
 * Channels come in twos behind the small model's own: whatever reads the one with a weight reads the other with the
 * opposite one.
 */
export class WideLayout {
  /** How often each channel of the small model is there: an odd number, the first time at its own place. */
  readonly copies: number;
  /** Channels at the end that hold the mean of the small model's channels. */
  readonly means: number;
  readonly narrow: number;
  readonly wide: number;

  /** @param wide larger than `narrow`, by an even number */
  constructor(narrow: number, wide: number) {
    this.narrow = narrow;
    this.wide = wide;
    const whole = Math.floor(wide / narrow);
    this.copies = whole % 2 === 1 ? whole : whole - 1;
    this.means = wide - this.copies * narrow;
  }

  /** Whether it takes a layer to get the mean of what the convolutions leave out of the way. */
  get needsCentring(): boolean {
    return this.means > 0;
  }

  /**
   * LayerNorm of the wide stream, times this, is LayerNorm of the small one: the means add nothing to the variance, so
   * that it is smaller by copies * narrow / wide. (Its epsilon then weighs more by the inverse: 1.11e-5 instead of 1e-5
   * for 384 channels in 1,280.)
   */
  get normScale(): number {
    return Math.sqrt((this.copies * this.narrow) / this.wide);
  }

  /** The small model's channel that a channel holds, `undefined` for their mean. */
  sourceOf(channel: number): number | undefined {
    if (channel < this.narrow) return channel;
    if (channel >= this.wide - this.means) return undefined;
    return ((channel - this.narrow) >> 1) % this.narrow;
  }

  /** Whether the channel is the second of its two. */
  isOpposite(channel: number): boolean {
    return channel >= this.narrow && (channel - this.narrow) % 2 === 1;
  }

  /**
   * Spreads a vector of the stream. @param mean what the channels of the mean get, if not the vector's mean; all 0 for
   * an empty vector
   */
  spread(vector: Float32Array, mean = meanOf(vector)): Float32Array {
    return Float32Array.from({ length: this.wide }, (_, channel) => {
      const source = this.sourceOf(channel);
      return source === undefined ? mean : (vector[source] ?? 0);
    });
  }
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? 0 : sum / values.length;
}
