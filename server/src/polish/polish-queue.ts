// The texts that wait for one polisher: so many run at once, the earliest deadline goes next, and the number of those
// that wait is bounded.
import { CodedError } from '@sotto/protocol';
import type { Polisher, PolishRequest } from './polisher.js';

/** More texts wait for a polisher than its bound allows. */
export class PolishQueueFullError extends CodedError<'overloaded'> {
  override readonly name = 'PolishQueueFullError';

  constructor(message: string, options?: ErrorOptions) {
    super('overloaded', message, options);
  }
}

export interface QueuedRun {
  readonly signal: AbortSignal;
  readonly onText?: ((piece: string) => void) | undefined;
  /** When the text must be there, milliseconds of `performance.now()`: what is due first goes first. */
  readonly deadline: number;
}

interface Waiting {
  readonly deadline: number;
  readonly start: () => void;
  /** It must make room for a text that is due before it. */
  readonly giveWay: () => void;
}

export class PolishQueue {
  readonly polisher: Polisher;
  readonly #waitingMax: number;
  /** The earliest deadline first. */
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(polisher: Polisher, waitingMax: number) {
    this.polisher = polisher;
    this.#waitingMax = waitingMax;
  }

  /** Texts that run or wait, as a share of what runs at once: 1 and more means that a new one waits. */
  get load(): number {
    return (this.#running + this.#waiting.length) / this.polisher.concurrency;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * As {@link Polisher.polish}, when it is this text's turn. When too many wait, the one that is due last is rejected
   * with {@link PolishQueueFullError}.
   */
  async run(request: PolishRequest, { signal, onText, deadline }: QueuedRun): Promise<string> {
    signal.throwIfAborted();
    if (this.#running >= this.polisher.concurrency) {
      if (this.#waiting.length >= this.#waitingMax) {
        const last = this.#waiting.at(-1);
        if (last === undefined || last.deadline <= deadline) throw this.#full();
        last.giveWay();
      }
      await this.#turn(deadline, signal);
    } else {
      this.#running++;
    }
    try {
      return await this.polisher.polish(request, { signal, onText });
    } finally {
      this.#running--;
      this.#startNext();
    }
  }

  /** Resolves when the text may run: its slot is taken then. Rejects with the signal's reason. */
  #turn(deadline: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      const waiting: Waiting = {
        deadline,
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
        giveWay: () => {
          signal.removeEventListener('abort', leave);
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
          reject(this.#full());
        },
      };
      const place = this.#waiting.findIndex((other) => other.deadline > deadline);
      this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, waiting);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #full(): PolishQueueFullError {
    return new PolishQueueFullError(`More than ${this.#waitingMax} texts wait for ${this.polisher.name}.`);
  }

  #startNext(): void {
    if (this.#running >= this.polisher.concurrency) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running++;
    next.start();
  }
}
