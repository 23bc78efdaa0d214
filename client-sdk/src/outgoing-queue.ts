// Client messages in their order, released to the socket as fast as the server's window allows (rules BP1, BP2) and
// kept for a new one.
import {
  bytesPerFrame,
  isCounted,
  type AudioFormat,
  type ClientMessage,
  type ConfigureMessage,
} from '@sotto/protocol/client';
import { BufferFullError } from './errors.js';

/**
 * Audio that the server has, kept in case the session must begin again, milliseconds: the longest utterance and some
 * silence.
 */
export const KEPT_MS_MAX = 32_000;

export interface OutgoingOptions {
  readonly format: AudioFormat;
  /** Audio that may wait here, milliseconds; at the bound `pushAudio` throws. */
  readonly bufferedMsMax: number;
  /** Audio that may be kept here, waiting or not yet acknowledged, bytes; at the bound `pushAudio` throws. */
  readonly bufferedBytesMax: number;
  readonly transmit: (message: ClientMessage) => void;
  /** A change of settings that will not be sent again: a session that begins again begins with it. */
  readonly onConfigured: (message: ConfigureMessage) => void;
}

type QueuedMessage = Exclude<ClientMessage, { type: 'start' | 'resume' | 'ping' }>;

interface Entry {
  readonly message: QueuedMessage;
  /** Samples of the stream before and after it; the same for what is no audio. */
  readonly from: number;
  readonly to: number;
  /** Among the messages that count, which one it was on the wire, from 1. */
  number: number;
}

/**
 * One queue for audio and everything that has its place between audio (mark, finalize, configure, stop). Closed until
 * `open`: what is pushed before the server is ready waits. A message that is no audio passes as soon as it is at the
 * head. What was sent is kept: until the server has it, for a new socket; and until its words are told, for a new
 * session. Offsets count samples of the whole stream.
 */
export class OutgoingQueue {
  readonly #options: OutgoingOptions;
  readonly #frameBytes: number;
  readonly #samplesPerMs: number;
  readonly #entries: Entry[] = [];
  /** Entries before this one have been sent. */
  #next = 0;
  /** Messages that count, sent in this session. */
  #counted = 0;
  #bytes = 0;
  /** Samples before this have been handed over by the caller. */
  #pushed = 0;
  /** Samples before this are on the socket. */
  #sent = 0;
  #acked = 0;
  /** Audio from here on is kept for the case that the server is lost; undefined: the server keeps nothing either. */
  #keepFrom: number | undefined;
  #lagMs = 0;
  /** Where the session begins in the stream. */
  #base = 0;
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

  /** The connection is lost: everything waits. */
  suspend(): void {
    this.#windowMs = undefined;
  }

  /**
   * The session goes on: samples before `offset` and `messages` messages have arrived. The rest is to be sent (again):
   * call `open`.
   */
  resume(offset: number, messages: number): void {
    const missing = this.#entries.findIndex(({ message, to, number }) =>
      message.type === 'audio' ? to > offset : number === 0 || number > messages,
    );
    this.#rewind(missing === -1 ? this.#entries.length : missing, messages);
    this.#sent = Math.min(offset, this.#pushed);
    this.#acked = Math.max(this.#acked, this.#sent);
  }

  /**
   * As {@link resume}, at another server: it goes on from an earlier place, what is behind that has not arrived there.
   */
  resumeElsewhere(offset: number, messages: number): void {
    this.#acked = Math.min(this.#acked, offset);
    this.#lagMs = 0;
    this.#keepFrom = offset;
    this.resume(offset, messages);
  }

  /** The first sample that can still be sent. */
  get keptFrom(): number {
    return this.#entries.find(({ message }) => message.type === 'audio')?.from ?? this.#pushed;
  }

  /** Audio before a sample need not be kept in case the server is lost; undefined: the server does not survive that. */
  keepFrom(offset: number | undefined): void {
    this.#keepFrom = offset;
  }

  /**
   * A new session begins at sample `wanted` of the stream, or with the first that is kept: which one is returned. All
   * that is kept is to be sent: call `open`.
   */
  restart(wanted: number): number {
    const from = Math.min(wanted, this.#pushed);
    this.#keepFrom = undefined;
    this.forget(from);
    const first = this.#entries.find(({ message }) => message.type === 'audio');
    this.#base = Math.max(from, first?.from ?? this.#pushed);
    this.#rewind(0, 0);
    this.#sent = this.#base;
    this.#acked = this.#base;
    this.#lagMs = 0;
    return this.#base;
  }

  /** Audio that waits here, milliseconds. */
  get bufferedMs(): number {
    return (this.#pushed - this.#sent) / this.#samplesPerMs;
  }

  /** Whether audio is on its way that has not been acknowledged. */
  get isInFlight(): boolean {
    return this.#sent > this.#acked;
  }

  /** Samples handed over so far: the offset of the next chunk. */
  get offset(): number {
    return this.#pushed;
  }

  /**
   * Queues a copy of a chunk. True: go on sending; false: wait for `drained` first.
   * @throws {TypeError} for bytes that are not whole samples
   * @throws {BufferFullError} if the buffer has no room; the chunk is not taken
   */
  pushAudio(data: Uint8Array): boolean {
    const samples = data.byteLength / this.#frameBytes;
    if (!Number.isInteger(samples)) {
      throw new TypeError(
        `${data.byteLength} bytes are not whole samples: expected a multiple of ${this.#frameBytes}.`,
      );
    }
    const { bufferedMsMax, bufferedBytesMax } = this.#options;
    if (this.#bytes + data.byteLength > bufferedBytesMax) this.#forgetArrived(this.#acked);
    if (
      this.bufferedMs + samples / this.#samplesPerMs > bufferedMsMax ||
      this.#bytes + data.byteLength > bufferedBytesMax
    ) {
      throw new BufferFullError(this.bufferedMs);
    }
    const message: QueuedMessage = { type: 'audio', offset: this.#pushed, data: new Uint8Array(data) };
    this.#entries.push({ message, from: this.#pushed, to: this.#pushed + samples, number: 0 });
    this.#pushed += samples;
    this.#bytes += data.byteLength;
    this.#pump();
    return !this.#isWaiting;
  }

  push(message: Exclude<QueuedMessage, { type: 'audio' }>): void {
    this.#entries.push({ message, from: this.#pushed, to: this.#pushed, number: 0 });
    this.#pump();
  }

  /** Takes an `ack` in: samples before `offset` have arrived, `lagMs` of audio is still to be processed. */
  acknowledge(offset: number, lagMs: number): void {
    this.#acked = Math.max(this.#acked, offset);
    this.#lagMs = lagMs;
    this.#forgetArrived(this.#acked - KEPT_MS_MAX * this.#samplesPerMs);
    this.#pump();
  }

  /** The words before sample `before` have been told: what was sent of it need not be kept. */
  forget(before: number): void {
    this.#forgetArrived(Math.min(before, this.#acked, this.#keepFrom ?? Infinity));
  }

  /** A mark has come back: it, and the messages sent before it, have arrived and done their work. */
  answered(markId: string): void {
    const at = this.#entries.findIndex(({ message }) => message.type === 'mark' && message.id === markId);
    if (at === -1 || at >= this.#next) return;
    for (let index = at; index >= 0; index--) {
      const entry = this.#entries[index];
      if (entry !== undefined && entry.message.type !== 'audio') this.#remove(index, entry);
    }
  }

  /**
   * Resolves when nothing waits any more: at once, or after acks have opened the window. Also resolves when the queue
   * is closed.
   */
  drained(): Promise<void> {
    if (!this.#isWaiting) return Promise.resolve();
    return new Promise((resolve) => this.#onDrained.push(resolve));
  }

  /** Forgets what waits. */
  close(): void {
    this.#entries.length = 0;
    this.#next = 0;
    this.#bytes = 0;
    this.#sent = this.#pushed;
    this.#announceDrained();
  }

  get #isWaiting(): boolean {
    return this.#next < this.#entries.length;
  }

  #pump(): void {
    for (let head = this.#entries[this.#next]; head !== undefined && this.#admits(head);) {
      this.#next++;
      const message = this.#placed(head);
      if (isCounted(message)) head.number = ++this.#counted;
      else this.#sent = head.to;
      this.#options.transmit(message);
      head = this.#entries[this.#next];
    }
    if (!this.#isWaiting) this.#announceDrained();
  }

  /** The message with the offset that it has in the session, without samples that have arrived. */
  #placed({ message, from }: Entry): QueuedMessage {
    if (message.type !== 'audio') return message;
    const arrived = Math.max(0, this.#sent - from);
    const data = arrived === 0 ? message.data : message.data.subarray(arrived * this.#frameBytes);
    return { type: 'audio', offset: from + arrived - this.#base, data };
  }

  #admits({ message, from, to }: Entry): boolean {
    if (this.#windowMs === undefined) return false;
    if (message.type !== 'audio') return true;
    const inFlightMs = (this.#sent - this.#acked) / this.#samplesPerMs + this.#lagMs;
    const chunkMs = (to - Math.max(from, this.#sent)) / this.#samplesPerMs;
    // A chunk larger than the whole window passes alone, else it would wait for ever.
    return inFlightMs + chunkMs <= this.#windowMs || inFlightMs === 0;
  }

  /** Entries from `next` on are to be sent; before them `counted` messages have arrived. */
  #rewind(next: number, counted: number): void {
    this.#next = next;
    this.#counted = counted;
    for (const entry of this.#entries.slice(next)) entry.number = 0;
  }

  /**
   * Drops what lies before a sample that has arrived. What is no audio lies before it only if audio behind it has
   * arrived as well.
   */
  #forgetArrived(before: number): void {
    let index = 0;
    for (let entry = this.#entries[0]; entry !== undefined && index < this.#next; entry = this.#entries[index]) {
      const { message, to } = entry;
      if (message.type === 'audio' ? to > before : to >= before) break;
      // A mark without its answer is asked for again by a new session.
      if (message.type === 'mark') index++;
      else this.#remove(index, entry);
    }
  }

  #remove(index: number, { message }: Entry): void {
    this.#entries.splice(index, 1);
    if (index < this.#next) this.#next--;
    if (message.type === 'audio') this.#bytes -= message.data.byteLength;
    if (message.type === 'configure') this.#options.onConfigured(message);
  }

  #announceDrained(): void {
    const callbacks = this.#onDrained;
    this.#onDrained = [];
    for (const callback of callbacks) callback();
  }
}
