// Lets speech pass and makes silence of the rest, by loudness alone: for pages that shall send nothing but speech.
import { measureLevel } from './level.js';

export interface SpeechGateOptions {
  /**
   * How far above the background a chunk must be to open the gate, dB. Higher: less noise passes, quiet speech is lost.
   * Default 9.
   */
  readonly openDb?: number;
  /**
   * How long it stays open after the last loud chunk, milliseconds. Keep it above the server's `minSilenceMs`. Default
   * 1500.
   */
  readonly hangOverMs?: number;
  /**
   * What is passed from before the gate opened, milliseconds, so that no word loses its beginning. Audio is late by as
   * much. Default 240.
   */
  readonly preRollMs?: number;
}

export interface GatedChunk {
  /** The chunk, or silence of the same length. */
  readonly samples: Float32Array;
  readonly isSpeech: boolean;
}

/** Quieter than this is never speech, dBFS. */
const SPEECH_DB_MIN = -60;
/** How fast the estimate of the background follows upwards, dB per second; downwards it follows at once. */
const BACKGROUND_RISE_DB_PER_S = 3;

/**
 * A gate with hang-over. The timeline stays whole: each chunk that goes in comes out `preRollMs` later, as it was or as
 * digital silence of the same length, so that the server's times stay true. It is an energy detector, not a model: loud
 * noise passes.
 */
export class SpeechGate {
  readonly #openDb: number;
  readonly #hangOver: number;
  readonly #preRoll: number;
  readonly #sampleRate: number;
  /** Chunks of the pre-roll, oldest first; at most `preRollMs` and one chunk. */
  readonly #held: Float32Array[] = [];
  #heldSamples = 0;
  #backgroundDb = SPEECH_DB_MIN;
  /** Samples for which the gate stays open. */
  #openFor = 0;

  constructor(sampleRate: number, { openDb = 9, hangOverMs = 1_500, preRollMs = 240 }: SpeechGateOptions = {}) {
    this.#sampleRate = sampleRate;
    this.#openDb = openDb;
    this.#preRoll = (preRollMs * sampleRate) / 1_000;
    // The hang-over is counted where audio goes in; what is held comes out behind it.
    this.#hangOver = ((hangOverMs + preRollMs) * sampleRate) / 1_000;
  }

  /** Takes a chunk and gives those whose time has come: none at first, then one for one. */
  push(samples: Float32Array): GatedChunk[] {
    this.#openFor = this.#isLoud(samples)
      ? this.#hangOver + samples.length
      : Math.max(0, this.#openFor - samples.length);
    this.#held.push(samples);
    this.#heldSamples += samples.length;
    const out: GatedChunk[] = [];
    while (this.#heldSamples > this.#preRoll) out.push(...this.#release());
    return out;
  }

  /** The chunks still held. */
  flush(): GatedChunk[] {
    const out: GatedChunk[] = [];
    while (this.#held.length > 0) out.push(...this.#release());
    return out;
  }

  #release(): GatedChunk[] {
    const samples = this.#held.shift();
    if (samples === undefined) return [];
    this.#heldSamples -= samples.length;
    const isSpeech = this.#openFor > 0;
    return [{ samples: isSpeech ? samples : new Float32Array(samples.length), isSpeech }];
  }

  #isLoud(samples: Float32Array): boolean {
    const { rmsDb } = measureLevel(samples);
    const rise = (BACKGROUND_RISE_DB_PER_S * samples.length) / this.#sampleRate;
    this.#backgroundDb = Math.min(rmsDb, this.#backgroundDb + rise);
    return rmsDb > Math.max(SPEECH_DB_MIN, this.#backgroundDb + this.#openDb);
  }
}
