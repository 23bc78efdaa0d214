// The recording of a job on its way: how much of it has been read, and where it is gone on from.
import { SAMPLES_PER_MS, toSamples } from '../audio/samples.js';

/** Counts bytes on their way. */
export class CountedBytes implements AsyncIterable<Uint8Array> {
  readonly #bytes: AsyncIterable<Uint8Array>;
  readonly #size: number;
  #read = 0;

  /** `size`: how many there are. */
  constructor(bytes: AsyncIterable<Uint8Array>, size: number) {
    this.#bytes = bytes;
    this.#size = size;
  }

  /** How much of them has been read, 0-1. */
  get fraction(): number {
    return this.#size === 0 ? 0 : Math.min(1, this.#read / this.#size);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of this.#bytes) {
      this.#read += piece.length;
      yield piece;
    }
  }
}

/** The samples behind a time; those before it are passed over. */
export class AudioFrom implements AsyncIterable<Float32Array> {
  readonly #audio: AsyncIterable<Float32Array>;
  readonly #skip: number;
  #samples = 0;

  constructor(audio: AsyncIterable<Float32Array>, fromMs: number) {
    this.#audio = audio;
    this.#skip = toSamples(fromMs);
  }

  /** Length of what has come so far, with what was passed over, milliseconds. */
  get audioMs(): number {
    return this.#samples / SAMPLES_PER_MS;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, undefined> {
    for await (const block of this.#audio) {
      const skip = Math.min(block.length, Math.max(0, this.#skip - this.#samples));
      this.#samples += block.length;
      if (skip < block.length) yield block.subarray(skip);
    }
  }
}
