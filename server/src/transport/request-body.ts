// The body of one HTTP request between the transport, which pushes what arrives, and the one reader that takes it.
import { RequestAbortedError } from '../http/exchange.js';

/**
 * Bytes that may wait for the reader; beyond it the transport is told to pause. What was already read from the socket
 * still arrives.
 */
export const BODY_BUFFER_BYTES = 262_144;

/** How the transport is slowed down and told that somebody reads. */
export interface BodyFlow {
  pause(): void;
  resume(): void;
  /** Called once, when the first piece is asked for: the moment to send `100 Continue`. */
  started?(): void;
  /** The client sends nothing although it is waited for: the connection is to end with the answer. */
  stalled(): void;
}

/** Read once; bounded; a reader that waits longer than `stallTimeoutMs` for the next piece is told to give up. */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #flow: BodyFlow;
  readonly #stallTimeoutMs: number;
  readonly #pieces: Uint8Array[] = [];
  #bufferedBytes = 0;
  #isPaused = false;
  #isTaken = false;
  #isDiscarded = false;
  #end: 'complete' | RequestAbortedError | undefined;
  /** The reader that waits for the next piece. */
  #wake: (() => void) | undefined;

  constructor(flow: BodyFlow, stallTimeoutMs: number) {
    this.#flow = flow;
    this.#stallTimeoutMs = stallTimeoutMs;
  }

  /** Whether the transport was told to pause. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Takes the next piece over: its memory belongs to the body. */
  push(piece: Uint8Array): void {
    if (this.#isDiscarded || piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bufferedBytes += piece.length;
    if (this.#bufferedBytes > BODY_BUFFER_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#flow.pause();
    }
    this.#wake?.();
  }

  complete(): void {
    this.#end ??= 'complete';
    this.#wake?.();
  }

  abort(): void {
    this.#end ??= new RequestAbortedError('request_aborted', 'The client went away.');
    this.#wake?.();
  }

  /** Forgets what is there and whatever comes; a reader that still reads is told. */
  discard(): void {
    this.#isDiscarded = true;
    this.#end ??= new RequestAbortedError('request_aborted', 'The request was answered before its body was read.');
    this.#pieces.length = 0;
    this.#bufferedBytes = 0;
    this.#resume();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isTaken) throw new TypeError('The body of a request can be read once.');
    this.#isTaken = true;
    this.#flow.started?.();
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#bufferedBytes -= piece.length;
          if (this.#bufferedBytes === 0) this.#resume();
          yield piece;
        } else if (this.#end instanceof RequestAbortedError) {
          throw this.#end;
        } else if (this.#end === 'complete') {
          return;
        } else {
          await this.#more();
        }
      }
    } finally {
      this.discard();
    }
  }

  /** Resolves when there is something new to look at. */
  #more(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const text = `Nothing came for ${this.#stallTimeoutMs / 1_000} s, and the body is not complete.`;
        this.#end ??= new RequestAbortedError('request_timeout', text);
        this.#flow.stalled();
        this.#wake?.();
      }, this.#stallTimeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#flow.resume();
  }
}
