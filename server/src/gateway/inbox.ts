// Messages that wait for a session with too much audio on its hands, in order and bounded.
import type { ClientMessage } from '@sotto/protocol';

/** What a waiting message costs beside its audio, bytes. */
const MESSAGE_OVERHEAD_BYTES = 256;

export class Inbox {
  #bytesMax: number;
  readonly #waiting: ClientMessage[] = [];
  #bytes = 0;

  /** `bytesMax`: bytes of audio that may wait; any other message counts as a few. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Holds no more than this much from now on. */
  lowerBound(bytesMax: number): void {
    this.#bytesMax = Math.min(this.#bytesMax, bytesMax);
  }

  /** Takes a message; false when the bound is passed, and the message is not kept. */
  push(message: ClientMessage): boolean {
    const bytes = this.#bytes + cost(message);
    if (bytes > this.#bytesMax) return false;
    this.#bytes = bytes;
    this.#waiting.push(message);
    return true;
  }

  /** The oldest message, which then no longer waits. */
  shift(): ClientMessage | undefined {
    const message = this.#waiting.shift();
    if (message !== undefined) this.#bytes -= cost(message);
    return message;
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#bytes = 0;
  }
}

function cost(message: ClientMessage): number {
  return MESSAGE_OVERHEAD_BYTES + (message.type === 'audio' ? message.data.byteLength : 0);
}
