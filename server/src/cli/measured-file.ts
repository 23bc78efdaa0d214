// An audio file on disk on its way through the decoder, with a guess of its length.
import { openFailure, type AudioFileWarning } from '../audio/audio-errors.js';
import type { TrackWish } from '../audio/choose-track.js';
import { decodeAudio, type DecodeAudioOptions } from '../audio/decode-audio.js';
import { openStoredFile, type StoredBytes } from '../audio/stored-bytes.js';

export class MeasuredFile {
  /** Of what was decoded so far, milliseconds. */
  decodedMs = 0;
  #readBytes = 0;
  #size = 0;
  readonly #wish: TrackWish;
  readonly #path: string;
  readonly #onWarning: (warning: AudioFileWarning) => void;
  /** A process must be waited for: a caller that may leave in the middle decodes inline. */
  readonly #isolation: NonNullable<DecodeAudioOptions['isolation']>;

  constructor(
    path: string,
    onWarning: (warning: AudioFileWarning) => void,
    isolation: NonNullable<DecodeAudioOptions['isolation']> = 'process',
    wish: TrackWish = {},
  ) {
    this.#wish = wish;
    this.#path = path;
    this.#onWarning = onWarning;
    this.#isolation = isolation;
  }

  /** Length of the whole file, milliseconds, as what was decoded is to what was read; undefined before anything was. */
  get estimatedMs(): number | undefined {
    return this.#readBytes === 0 ? undefined : (this.decodedMs * this.#size) / this.#readBytes;
  }

  /** 16 kHz mono: all channels mixed, or one of them (from 0 on). Throws AudioFileError. */
  async *blocks(channel?: number): AsyncGenerator<Float32Array, void, undefined> {
    const options = { ...this.#wish, channel, onWarning: this.#onWarning, isolation: this.#isolation };
    const file = await this.#open();
    let decodedMs = 0;
    try {
      for await (const block of decodeAudio(this.#counting(file), options)) {
        decodedMs += block.length / 16;
        this.decodedMs = Math.max(this.decodedMs, decodedMs);
        yield block;
      }
    } finally {
      await file.close();
    }
  }

  async #open(): Promise<StoredBytes> {
    try {
      const file = await openStoredFile(this.#path);
      this.#size = file.size;
      return file;
    } catch (cause) {
      throw openFailure(this.#path, cause);
    }
  }

  #counting(file: StoredBytes): StoredBytes {
    const count = (end: number): void => {
      this.#readBytes = Math.max(this.#readBytes, Math.min(end, file.size));
    };
    return {
      size: file.size,
      read: (position, length) => {
        count(position + length);
        return file.read(position, length);
      },
      close: () => file.close(),
      async *[Symbol.asyncIterator]() {
        let at = 0;
        for await (const piece of file) {
          at += piece.length;
          count(at);
          yield piece;
        }
      },
    };
  }
}
