// Finals and marks in the order of the audio, however the work behind them finishes.
import type { ServerMessage } from '@sotto/protocol';

interface Place {
  message: ServerMessage | undefined;
  onSent?: (() => void) | undefined;
}

/** Sends each answer when it is known and all before it are sent. Its length is bounded by whoever adds to it. */
export class AnswerQueue {
  readonly #send: (message: ServerMessage) => void;
  readonly #waiting: Place[] = [];
  #onEmpty: (() => void)[] = [];
  #isClosed = false;

  constructor(send: (message: ServerMessage) => void) {
    this.#send = send;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Adds an answer that is known. */
  add(message: ServerMessage): void {
    this.#waiting.push({ message });
    this.#flush();
  }

  /**
   * Adds the place of an answer that is to come; it is given by calling what is returned. `onSent` is called when it
   * has been sent.
   */
  reserve(): (message: ServerMessage, onSent?: () => void) => void {
    const place: Place = { message: undefined };
    this.#waiting.push(place);
    return (message, onSent) => {
      place.message = message;
      place.onSent = onSent;
      this.#flush();
    };
  }

  /** Resolves when nothing waits. */
  async empty(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Sends nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    this.#settle();
  }

  #flush(): void {
    while (!this.#isClosed) {
      const [next] = this.#waiting;
      if (next?.message === undefined) break;
      this.#waiting.shift();
      this.#send(next.message);
      next.onSent?.();
    }
    if (this.#waiting.length === 0) this.#settle();
  }

  #settle(): void {
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
