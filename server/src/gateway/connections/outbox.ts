// What waits for one reader: what is overtaken coalesces, everything else is kept, and the whole is bounded.
import type { Frame } from '@sotto/protocol';
import type { Coalescing } from '../coalescing.js';
import type { TransportSocket } from '../../transport/transport.js';

/** Bytes in the transport's own buffer above which messages wait here, where they can still be replaced. */
const SOCKET_BYTES_MAX = 16_384;

export interface OutboxOptions<M> {
  readonly socket: Pick<TransportSocket, 'send' | 'bufferedBytes'>;
  readonly encode: (message: M) => Frame;
  readonly coalescing: Coalescing<M>;
  /** Bound of what waits, bytes. */
  readonly bytesMax: number;
  readonly now: () => number;
  /** Called for every message handed to the socket. */
  readonly onSent: (message: M, bytes: number) => void;
  readonly onCoalesced: () => void;
}

interface Waiting<M> {
  readonly message: M;
  readonly frame: Frame;
  readonly bytes: number;
}

/** Orders and bounds the messages of one connection. */
export class Outbox<M> {
  readonly #options: OutboxOptions<M>;
  /** In the order of sending. The key of a partial or ack is its subject, so that a newer one finds it. */
  readonly #waiting = new Map<string | number, Waiting<M>>();
  #waitingBytes = 0;
  #nextKey = 0;
  /** When the reader last took something while something waited. */
  #progressAt = 0;
  #whenEmpty: (() => void) | undefined;

  constructor(options: OutboxOptions<M>) {
    this.#options = options;
  }

  /** Bytes that the reader has not taken: those here and those in the transport's buffer. */
  get bytes(): number {
    return this.#waitingBytes + this.#options.socket.bufferedBytes;
  }

  /** Whether messages wait here, behind what the transport has. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** How long the reader has taken nothing while something waits, milliseconds. */
  get stalledMs(): number {
    return this.bytes === 0 ? 0 : this.#options.now() - this.#progressAt;
  }

  /** Queues or sends; false when the bound is passed, and the connection must be closed. */
  send(message: M): boolean {
    if (this.bytes === 0) this.#progressAt = this.#options.now();
    const { coalescing } = this.#options;
    const key = coalescing.subjectOf(message);
    const older = key === undefined ? undefined : this.#replace(key, message);
    const joined = older === undefined ? message : coalescing.join(older, message);
    const frame = this.#options.encode(joined);
    const waiting = { message: joined, frame, bytes: byteLength(frame) };
    if (this.#waiting.size === 0 && this.#options.socket.bufferedBytes < SOCKET_BYTES_MAX) {
      this.#hand(waiting);
      return true;
    }
    this.#waiting.set(coalescing.isKept(message) || key === undefined ? this.#nextKey++ : key, waiting);
    this.#waitingBytes += waiting.bytes;
    return this.bytes <= this.#options.bytesMax;
  }

  /** The transport's buffer has room again. */
  drained(): void {
    this.#progressAt = this.#options.now();
    for (const [key, waiting] of this.#waiting) {
      if (this.#options.socket.bufferedBytes >= SOCKET_BYTES_MAX) return;
      this.#remove(key, waiting);
      this.#hand(waiting);
    }
    if (this.bytes === 0) this.#announceEmpty();
  }

  /** The reader has everything, also of what is sent to it past this outbox: what waits next waits from now on. */
  caughtUp(): void {
    this.#progressAt = this.#options.now();
  }

  /** Calls once when the reader has taken everything, at once if it has. */
  onceEmpty(callback: () => void): void {
    this.#whenEmpty = callback;
    if (this.bytes === 0) this.#announceEmpty();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#whenEmpty = undefined;
  }

  /**
   * A message stands for the one of its subject that still waits, which is taken out and returned: the order stays that
   * of the events.
   */
  #replace(key: string, message: M): M | undefined {
    const older = this.#waiting.get(key);
    if (older === undefined) return undefined;
    this.#remove(key, older);
    if (!this.#options.coalescing.isKept(message)) this.#options.onCoalesced();
    return older.message;
  }

  #remove(key: string | number, waiting: Waiting<M>): void {
    this.#waiting.delete(key);
    this.#waitingBytes -= waiting.bytes;
  }

  #hand(waiting: Waiting<M>): void {
    this.#options.socket.send(waiting.frame, typeof waiting.frame !== 'string');
    this.#options.onSent(waiting.message, waiting.bytes);
  }

  #announceEmpty(): void {
    const callback = this.#whenEmpty;
    this.#whenEmpty = undefined;
    callback?.();
  }
}

function byteLength(frame: Frame): number {
  return typeof frame === 'string' ? Buffer.byteLength(frame) : frame.byteLength;
}
