// How many messages a client may send: a token bucket.

/** Seconds of the allowed rate that may come at once. */
const BURST_S = 2;

export class MessageRate {
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

  /** Counts one message; false when it is one too many. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
