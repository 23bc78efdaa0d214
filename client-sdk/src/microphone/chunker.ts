// Turns a capture's samples, at whatever rate, into even chunks for the wire: resampled, measured, gated, 16-bit.
import { measureLevel, type Level } from './level.js';
import { StreamResampler } from './resampler.js';
import { SpeechGate, type SpeechGateOptions } from './speech-gate.js';

/** The rate at which the microphone is sent, Hz: what the recogniser works with. */
export const CAPTURE_SAMPLE_RATE = 16_000;
/** Length of a chunk, milliseconds: 25 messages a second. */
export const CHUNK_MS = 40;
const CHUNK_SAMPLES = (CAPTURE_SAMPLE_RATE * CHUNK_MS) / 1_000;

/** A stretch of sound to send: 40 ms, the last one of a capture shorter. */
export interface AudioChunk {
  /** 16 kHz, mono, signed 16-bit. The receiver's own. */
  readonly samples: Int16Array;
  /** False where the speech gate made silence of it. Without a gate always true. */
  readonly isSpeech: boolean;
}

export interface ChunkerOptions {
  /** Hz. */
  readonly inputRate: number;
  readonly onChunk: (chunk: AudioChunk) => void;
  readonly onLevel?: (level: Level) => void;
  /** Default: no gate. */
  readonly gate?: SpeechGateOptions;
}

export class Chunker {
  readonly #options: ChunkerOptions;
  readonly #resampler: StreamResampler;
  readonly #gate: SpeechGate | undefined;
  #chunk = new Float32Array(CHUNK_SAMPLES);
  #filled = 0;

  constructor(options: ChunkerOptions) {
    this.#options = options;
    this.#resampler = new StreamResampler(options.inputRate, CAPTURE_SAMPLE_RATE);
    this.#gate = options.gate === undefined ? undefined : new SpeechGate(CAPTURE_SAMPLE_RATE, options.gate);
  }

  /** Takes mono samples in -1..1. */
  push(samples: Float32Array): void {
    this.#collect(this.#resampler.push(samples));
  }

  /** Sends what is held: the resampler's tail, an unfinished chunk, the gate's pre-roll. */
  flush(): void {
    this.#collect(this.#resampler.flush());
    if (this.#filled > 0) this.#complete(this.#chunk.slice(0, this.#filled));
    this.#filled = 0;
    for (const { samples, isSpeech } of this.#gate?.flush() ?? []) this.#emit(samples, isSpeech);
  }

  #collect(samples: Float32Array): void {
    for (let at = 0; at < samples.length;) {
      const part = samples.subarray(at, at + CHUNK_SAMPLES - this.#filled);
      this.#chunk.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < CHUNK_SAMPLES) return;
      this.#complete(this.#chunk);
      this.#chunk = new Float32Array(CHUNK_SAMPLES);
      this.#filled = 0;
    }
  }

  #complete(samples: Float32Array): void {
    this.#options.onLevel?.(measureLevel(samples));
    if (this.#gate === undefined) this.#emit(samples, true);
    else for (const gated of this.#gate.push(samples)) this.#emit(gated.samples, gated.isSpeech);
  }

  #emit(samples: Float32Array, isSpeech: boolean): void {
    this.#options.onChunk({ samples: toInt16(samples), isSpeech });
  }
}

/** Samples in -1..1 as 16-bit; beyond is clipped. */
export function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))));
}
