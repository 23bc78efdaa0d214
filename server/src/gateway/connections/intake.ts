// What a client sends on its way to the session: at once while the session keeps up, else in order and bounded.
import { Inbox } from './inbox.js';
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
  readonly #inbox: Inbox<M>;
  #isHeld = false;

  constructor(options: IntakeOptions<M>) {
    this.#options = options;
    this.#inbox = new Inbox(options.inboxBytesMax, options.bytesOf);
  }

  /** The session has too much audio: messages wait. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Lets no more than this many bytes wait from now on. */
  lowerBound(bytesMax: number): void {
    this.#inbox.lowerBound(bytesMax);
  }

  /** Delivers a message, or lets it wait; false when more wait than may. */
  take(message: M): boolean {
    if (this.#isHeld) return this.#inbox.push(message);
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
    this.#inbox.clear();
  }

  #release(): void {
    const { isOpen, onError, onReleased, socket } = this.#options;
    this.#isHeld = false;
    try {
      while (isOpen() && !this.#isHeld) {
        const message = this.#inbox.shift();
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
