// Choices of a fuzzer that can be made again: all that it sends follows from a seed.
import { seededRandom } from '../audio/seeded-random.js';

export class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.#random() * below);
  }

  /** Whether something happens that does so in this share of cases, 0-1. */
  hits(share: number): boolean {
    return this.#random() < share;
  }

  /** One of a list that is not empty. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** Up to `countMax` results. */
  some<T>(countMax: number, make: () => T): T[] {
    return Array.from({ length: this.below(countMax + 1) }, make);
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** Mostly letters; now and then any character, lone surrogates and control characters among them. */
  text(charsMax: number): string {
    const codes = this.some(charsMax, () => (this.hits(0.9) ? 97 + this.below(26) : this.below(65_536)));
    return String.fromCharCode(...codes);
  }
}
