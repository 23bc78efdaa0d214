// One continuous timeline out of chunks that may repeat, overlap or leave holes.
import { LIMITS, type AudioFormat, type AudioMessage, type ErrorCode } from '@sotto/protocol';
import { AudioChunkError } from '../audio/audio-errors.js';
import { bytesPerSample, decodePcm } from '../audio/pcm.js';

/** What is wrong with a chunk; the stream goes on unless the error is fatal. */
export interface ChunkProblem {
  readonly code: Extract<ErrorCode, 'odd_byte_count' | 'invalid_samples' | 'offset_gap'>;
  readonly message: string;
  readonly fatal: boolean;
}

/**
 * What a chunk adds to the timeline: mono samples at the client's rate, in pieces that follow each other. They are to
 * be used before the next chunk of any stream.
 */
export interface Arrival {
  readonly pieces: readonly Float32Array[];
  readonly problems: readonly ChunkProblem[];
}

/**
 * Samples of the chunk that is being taken in, for all streams: memory of its own for each chunk is what garbage costs
 * most.
 */
const room = new Float32Array(48_000);

const NOTHING: Arrival = { pieces: [], problems: [] };

/**
 * Puts the chunks of one stream in their places (rules AU1 to AU6). Offsets are samples per channel at the client's
 * rate. The first arrival of a sample counts; a hole of up to `gapMsMax` becomes silence, a larger one is fatal.
 */
export class Timeline {
  readonly #format: AudioFormat;
  readonly #bytesPerSample: number;
  #received = 0;

  /** @param received samples before it are not wanted */
  constructor(format: AudioFormat, received = 0) {
    this.#received = received;
    this.#format = format;
    this.#bytesPerSample = bytesPerSample(format);
  }

  /** All samples before this offset have arrived, or were filled with silence. */
  get received(): number {
    return this.#received;
  }

  /** The time that a number of bytes stands for, milliseconds. */
  durationMs(bytes: number): number {
    return this.#ms(Math.floor(bytes / this.#bytesPerSample));
  }

  accept({ offset, data }: Pick<AudioMessage, 'offset' | 'data'>): Arrival {
    const samples = Math.floor(data.byteLength / this.#bytesPerSample);
    if (samples * this.#bytesPerSample !== data.byteLength) {
      const message = `A chunk of ${data.byteLength} bytes holds no whole number of samples of ${this.#bytesPerSample} bytes.`;
      return { pieces: [], problems: [{ code: 'odd_byte_count', message, fatal: false }] };
    }
    const known = Math.max(0, this.#received - offset);
    if (known >= samples) return NOTHING;
    const pieces: Float32Array[] = [];
    const problems: ChunkProblem[] = [];
    const gap = Math.max(0, offset - this.#received);
    if (gap > 0) {
      const fatal = this.#ms(gap) > LIMITS.gapMsMax;
      const what = `${gap} samples (${Math.round(this.#ms(gap))} ms) before sample ${offset} are missing`;
      const message = fatal ? `${what}: more than ${LIMITS.gapMsMax} ms.` : `${what}; silence takes their place.`;
      problems.push({ code: 'offset_gap', message, fatal });
      if (fatal) return { pieces, problems };
      pieces.push(new Float32Array(gap));
    }
    pieces.push(this.#decode(data.subarray(known * this.#bytesPerSample), problems));
    this.#received = offset + samples;
    return { pieces, problems };
  }

  #decode(data: Uint8Array, problems: ChunkProblem[]): Float32Array {
    try {
      return decodePcm(data, this.#format, room);
    } catch (error) {
      if (!(error instanceof AudioChunkError)) throw error;
      problems.push({ code: error.code, message: error.message, fatal: false });
      return new Float32Array(error.samples);
    }
  }

  #ms(samples: number): number {
    return (samples * 1_000) / this.#format.sampleRate;
  }
}
