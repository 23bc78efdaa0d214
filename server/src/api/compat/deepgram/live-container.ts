// Audio that comes live in a container (WebM from a browser's recorder, Ogg, …): decoded as its bytes come.
import { OpusPages } from '../../../audio/opus-pages.js';
import { isContained } from '../../../audio/raw-audio.js';

/** Samples that are handed on at a time: of a well-compressed file a few bytes may be minutes. */
const SAMPLES_AT_A_TIME = 1_600;
/** Bytes that may wait to be decoded. Beyond: the client is slowed. */
export const WAITING_BYTES_MAX = 1_048_576;

export interface LiveContainerOptions {
  /** Where packets of Opus may come without a container, one in each chunk: their channels. */
  readonly opusChannels?: number | undefined;
  /** 16 kHz mono out of the bytes of any audio file. Throws AudioFileError. */
  readonly decode: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Float32Array>;
  /** Takes a tenth of a second or less. */
  readonly onSamples: (samples: Float32Array) => void;
  /** Calls back when more samples may come. */
  readonly onceReady: (callback: () => void) => void;
  /** All that came before `end` is decoded. */
  readonly onEnd: () => void;
  readonly onError: (error: unknown) => void;
}

export class LiveContainer {
  readonly #options: LiveContainerOptions;
  #isFirst = true;
  #pages: OpusPages | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isEnded = false;
  #isClosed = false;
  #wake: () => void = () => {};
  readonly #closed: Promise<void>;
  #tellClosed: () => void = () => {};
  #whenCaughtUp: (() => void)[] = [];

  constructor(options: LiveContainerOptions) {
    this.#options = options;
    this.#closed = new Promise((resolve) => (this.#tellClosed = resolve));
    void this.#run();
  }

  /** Whether more waits than may. */
  get isBehind(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX;
  }

  /** Calls once when everything that waited is with the decoder. */
  onceCaughtUp(callback: () => void): void {
    this.#whenCaughtUp.push(callback);
    if (this.#waiting.length === 0) queueMicrotask(() => this.#tellCaughtUp());
  }

  push(chunk: Uint8Array): void {
    const { opusChannels } = this.#options;
    if (this.#isFirst && opusChannels !== undefined && !isContained(chunk)) this.#pages = new OpusPages(opusChannels);
    this.#isFirst = false;
    const bytes = this.#pages?.page(chunk) ?? chunk;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    this.#wake();
  }

  /** No more bytes come. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Forgets everything; nothing is called any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#whenCaughtUp = [];
    this.#tellClosed();
    this.end();
  }

  async #run(): Promise<void> {
    const { decode, onEnd, onError } = this.#options;
    try {
      for await (const samples of decode(this.#bytes())) {
        await this.#handOn(samples);
        if (this.#isClosed) return;
      }
      if (!this.#isClosed) onEnd();
    } catch (error) {
      if (!this.#isClosed) onError(error);
    }
  }

  /** Leaves the rest where it is when closed, so that the decoder is freed. */
  async #handOn(samples: Float32Array): Promise<void> {
    for (let at = 0; at < samples.length; at += SAMPLES_AT_A_TIME) {
      const ready = new Promise<void>((resolve) => this.#options.onceReady(resolve));
      await Promise.race([ready, this.#closed]);
      if (this.#isClosed) return;
      this.#options.onSamples(samples.subarray(at, at + SAMPLES_AT_A_TIME));
    }
  }

  async *#bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.byteLength;
        yield chunk;
        continue;
      }
      this.#tellCaughtUp();
      if (this.#isEnded) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #tellCaughtUp(): void {
    for (const callback of this.#whenCaughtUp.splice(0)) callback();
  }
}
