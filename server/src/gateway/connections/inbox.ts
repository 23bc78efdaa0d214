// Messages that wait for a session with too much audio on its hands, in order and bounded.

/** What a waiting message costs beside its audio, bytes. */
const MESSAGE_OVERHEAD_BYTES = 256;

export class Inbox<M> {
  #bytesMax: number;
  readonly #waiting: M[] = [];
  readonly #bytesOf: (message: M) => number;
  #bytes = 0;

  /** `bytesMax`: bytes that may wait; `bytesOf`: those of what is large in a message, which counts as a few more. */
  constructor(bytesMax: number, bytesOf: (message: M) => number) {
    this.#bytesMax = bytesMax;
    this.#bytesOf = bytesOf;
  }

  /** Holds no more than this much from now on. */
  lowerBound(bytesMax: number): void {
    this.#bytesMax = Math.min(this.#bytesMax, bytesMax);
  }

  /** Takes a message; false when the bound is passed, and the message is not kept. */
  push(message: M): boolean {
    const bytes = this.#bytes + this.#cost(message);
    if (bytes > this.#bytesMax) return false;
    this.#bytes = bytes;
    this.#waiting.push(message);
    return true;
  }

  /** The oldest message, which then no longer waits. */
  shift(): M | undefined {
    const message = this.#waiting.shift();
    if (message !== undefined) this.#bytes -= this.#cost(message);
    return message;
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#bytes = 0;
  }

  #cost(message: M): number {
    return MESSAGE_OVERHEAD_BYTES + this.#bytesOf(message);
  }
}
