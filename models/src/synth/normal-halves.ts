// Seeded normal numbers in half precision.
import { halfOfFloat } from '../whisper/weight-values.js';

/**
 * Values drawn for one scale. Who needs more repeats them: a prime, so that no row of a matrix begins where another
 * does.
 */
const BLOCK = 1_048_573;

/**
 * Blocks of values, one for each scale, drawn when first asked for: the same seed and order of scales give the same
 * values.
 */
export class NormalHalves {
  readonly #normal: () => number;
  readonly #blocks = new Map<string, Uint16Array>();

  constructor(seed: number) {
    this.#normal = normals(seed);
  }

  /** `BLOCK` halves, normal around `mean`. */
  block(deviation: number, mean = 0): Uint16Array {
    const key = `${deviation} ${mean}`;
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = new Uint16Array(BLOCK);
      for (let i = 0; i < BLOCK; i++) block[i] = halfOfFloat(mean + deviation * this.#normal());
      this.#blocks.set(key, block);
    }
    return block;
  }
}

/** Standard normal numbers (Box-Muller over mulberry32). */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
