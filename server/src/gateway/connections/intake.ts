// What a client sends on its way to the session: at once while the session keeps up, else in order and bounded.
import type { TransportSocket } from '../../transport/transport.js';

export interface IntakeOptions<M> {
  readonly socket: Pick<TransportSocket, 'pause' | 'resume'>;
  /** Bound of the inbox, bytes. */
  readonly inboxBytesMax: number;
  /** Bytes of what is large in a message. */
  readonly bytesOf: (message: M) => number;
  /** Unprocessed audio at which messages wait and reading stops, milliseconds. */
  readonly backlogMsMax: number;
  readonly deliver: (message: M) => void;
  /** Unprocessed audio, milliseconds, and a call back when it has become less. */
  readonly backlogMs: () => number;
  readonly onceDrained: (callback: () => void) => void;
  /** Whether messages may still be delivered. */
  readonly isOpen: () => boolean;
  /** The client is read again. */
  readonly onReleased: () => void;
  /** A message that had waited could not be delivered. */
  readonly onError: (error: unknown) => void;
}

export class Intake<M> {
  readonly #options: IntakeOptions<M>;
  readonly #waiting: InboundQueue<M>;
  #isHeld = false;

  constructor(options: IntakeOptions<M>) {
    this.#options = options;
    this.#waiting = new InboundQueue(options.inboxBytesMax, options.bytesOf);
  }

  /** The session has too much audio: messages wait. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Lets no more than this many bytes wait from now on. */
  lowerBound(bytesMax: number): void {
    this.#waiting.lowerBound(bytesMax);
  }

  /** Delivers a message, or lets it wait; false when more wait than may. */
  take(message: M): boolean {
    if (this.#isHeld) return this.#waiting.push(message);
    this.deliver(message);
    return true;
  }

  /** Delivers a message past those that wait. */
  deliver(message: M): void {
    const { deliver, isOpen, backlogMs, backlogMsMax, socket, onceDrained } = this.#options;
    deliver(message);
    if (this.#isHeld || !isOpen() || backlogMs() < backlogMsMax) return;
    this.#isHeld = true;
    socket.pause();
    onceDrained(() => this.#release());
  }

  clear(): void {
    this.#waiting.clear();
  }

  #release(): void {
    const { isOpen, onError, onReleased, socket } = this.#options;
    this.#isHeld = false;
    try {
      while (isOpen() && !this.#isHeld) {
        const message = this.#waiting.shift();
        if (message === undefined) break;
        this.deliver(message);
      }
    } catch (error) {
      onError(error);
    }
    if (!isOpen() || this.#isHeld) return;
    onReleased();
    socket.resume();
  }
}

/** What a waiting message costs beside its audio, bytes. */
const MESSAGE_OVERHEAD_BYTES = 256;

class InboundQueue<M> {
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
