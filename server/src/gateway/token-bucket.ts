// How much of something may come a second: a token bucket.

/** Seconds of the allowed rate that may come at once. */
export const BURST_S = 2;

export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAt: number;

  constructor(perSecond: number, now: number) {
    this.#perMs = perSecond / 1_000;
    this.#capacity = perSecond * BURST_S;
    this.#tokens = this.#capacity;
    this.#filledAt = now;
  }

  /** Counts one; false when it is one too many. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether it knows nothing any more that a new one would not know. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens === this.#capacity;
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }
}
