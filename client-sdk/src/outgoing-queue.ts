// Client messages in their order, released to the socket as fast as the server's window allows (rules BP1, BP2).
import { bytesPerFrame, type AudioFormat, type ClientMessage } from '@sotto/protocol';
import { BufferFullError } from './errors.js';

export interface OutgoingOptions {
  readonly format: AudioFormat;
  /** Audio that may wait here, milliseconds; at the bound `pushAudio` throws. */
  readonly bufferedMsMax: number;
  readonly transmit: (message: ClientMessage) => void;
}

/**
 * One queue for audio and everything that has its place between audio (mark, finalize, configure, stop). Closed until `open`: what is pushed before the
 * server is ready waits. A message that is no audio passes as soon as it is at the head.
 */
export class OutgoingQueue {
  readonly #options: OutgoingOptions;
  readonly #frameBytes: number;
  readonly #samplesPerMs: number;
  readonly #waiting: ClientMessage[] = [];
  #waitingSamples = 0;
  /** Samples before this have been handed over by the caller. */
  #pushed = 0;
  /** Samples before this are on the socket. */
  #sent = 0;
  #acked = 0;
  #lagMs = 0;
  #windowMs: number | undefined;
  #onDrained: (() => void)[] = [];

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#frameBytes = bytesPerFrame(options.format);
    this.#samplesPerMs = options.format.sampleRate / 1_000;
  }

  /** The server is ready to take up to `windowMs` of audio that it has not processed. */
  open(windowMs: number): void {
    this.#windowMs = windowMs;
    this.#pump();
  }

  /** Audio that waits here, milliseconds. */
  get bufferedMs(): number {
    return this.#waitingSamples / this.#samplesPerMs;
  }

  /** Samples handed over so far: the offset of the next chunk. */
  get offset(): number {
    return this.#pushed;
  }

  /**
   * Queues a chunk, which must not change until it is sent. True: go on sending; false: wait for `drained` first.
   * @throws {TypeError} for bytes that are no whole samples
   * @throws {BufferFullError} if the buffer has no room; the chunk is not taken
   */
  pushAudio(data: Uint8Array): boolean {
    const samples = data.byteLength / this.#frameBytes;
    if (!Number.isInteger(samples)) {
      throw new TypeError(
        `${data.byteLength} bytes are no whole samples: a multiple of ${this.#frameBytes} is wanted.`,
      );
    }
    if (this.bufferedMs + samples / this.#samplesPerMs > this.#options.bufferedMsMax)
      throw new BufferFullError(this.bufferedMs);
    this.#waiting.push({ type: 'audio', offset: this.#pushed, data });
    this.#pushed += samples;
    this.#waitingSamples += samples;
    this.#pump();
    return this.#waiting.length === 0;
  }

  push(message: Exclude<ClientMessage, { type: 'audio' | 'start' }>): void {
    this.#waiting.push(message);
    this.#pump();
  }

  /** Takes an `ack` in: samples before `offset` have arrived, `lagMs` of audio is still to be processed. */
  acknowledge(offset: number, lagMs: number): void {
    this.#acked = Math.max(this.#acked, offset);
    this.#lagMs = lagMs;
    this.#pump();
  }

  /** Resolves when nothing waits any more: at once, or after acks have opened the window. Also resolves when the queue is closed. */
  drained(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onDrained.push(resolve));
  }

  /** Forgets what waits. */
  close(): void {
    this.#waiting.length = 0;
    this.#waitingSamples = 0;
    this.#announceDrained();
  }

  #pump(): void {
    for (let head = this.#waiting[0]; head !== undefined && this.#admits(head); head = this.#waiting[0]) {
      this.#waiting.shift();
      if (head.type === 'audio') {
        const samples = head.data.byteLength / this.#frameBytes;
        this.#sent += samples;
        this.#waitingSamples -= samples;
      }
      this.#options.transmit(head);
    }
    if (this.#waiting.length === 0) this.#announceDrained();
  }

  #admits(message: ClientMessage): boolean {
    if (this.#windowMs === undefined) return false;
    if (message.type !== 'audio') return true;
    const inFlightMs = (this.#sent - this.#acked) / this.#samplesPerMs + this.#lagMs;
    const chunkMs = message.data.byteLength / this.#frameBytes / this.#samplesPerMs;
    // A chunk larger than the whole window passes alone, else it would wait for ever.
    return inFlightMs + chunkMs <= this.#windowMs || inFlightMs === 0;
  }

  #announceDrained(): void {
    const callbacks = this.#onDrained;
    this.#onDrained = [];
    for (const callback of callbacks) callback();
  }
}
