// Transcription of whole recordings as a service: to REST, to the compatible APIs, and to jobs.
import type { RewritingSettings } from '@sotto/protocol';
import { AsrError } from '../asr/errors.js';
import type { FileTranscriber, HearingModel, TranscribedSegment } from '../asr/files/file-transcriber.js';
import type { CuttingOptions } from '../asr/files/speech-stretches.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import type { Demands } from '../text/rewriting/demands.js';
import { Semaphore } from '../time/semaphore.js';

/** How a recording is to be recognised. */
export interface FileOptions {
  /** Language code, or `auto`. */
  readonly language: string;
  readonly task: 'transcribe' | 'translate';
  /** The sound track, by number (from 1) or language. Default: see `chooseTrack`. */
  readonly track?: string | undefined;
  /** Whether each channel is heard by itself. Default: they are mixed. */
  readonly channels?: 'mixed' | 'separate' | undefined;
  /** Text that sets the style; empty: none. */
  readonly prompt: string;
  readonly hotwords: readonly string[];
  /** Whether segments carry words. */
  readonly words: boolean;
  /** 0-1. Default 0: greedy. */
  readonly temperature?: number;
  /** Where the recording is cut; see TranscribeOptions. */
  readonly cutting?: CuttingOptions | undefined;
  /** What is done to its texts; what it does not name is as the server is set. */
  readonly rewriting?: RewritingSettings | undefined;
  /** What holds whatever these options say. */
  readonly demands?: Demands | undefined;
}

export const FILE_DEFAULTS = {
  language: 'auto',
  task: 'transcribe',
  prompt: '',
  hotwords: [],
  words: false,
} as const satisfies FileOptions;

export interface FileRun {
  /** Ends the work at once: the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the time before which everything is decoded, milliseconds; it never goes back. */
  readonly onProgress?: (heardMs: number) => void;
  /** See TranscribeRun. */
  readonly onModel?: ((model: HearingModel) => void) | undefined;
  /** Called with the length of each piece of audio before it is heard, milliseconds; what it throws ends the run. */
  readonly spendAudio?: SpendAudio | undefined;
}

/** Takes audio from the quota of whoever wants it heard. @throws what ends the run */
export type SpendAudio = (ms: number) => void;

export interface FileLimits {
  /** Recordings that are transcribed at a time; others wait in the order in which they came. */
  readonly filesMax: number;
  /** Recordings that may wait. Beyond: AsrError `overloaded`. */
  readonly filesWaitingMax: number;
}

/** Bounds how many recordings are heard at a time. */
export class FileTranscription {
  readonly #transcriber: Pick<FileTranscriber, 'transcribe'>;
  readonly #limits: FileLimits;
  readonly #places: Semaphore;
  #running = 0;

  constructor(transcriber: Pick<FileTranscriber, 'transcribe'>, limits: FileLimits) {
    this.#transcriber = transcriber;
    this.#limits = limits;
    this.#places = new Semaphore(limits.filesMax);
  }

  /** For metrics. */
  get counts(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#places.waiting };
  }

  /**
   * Segments in order, each as soon as it is decoded. Nothing of `audio` (16 kHz mono, blocks of any size) is taken
   * before it is this recording's turn. Throws AsrError (`overloaded` where too many wait), VadError, what `audio`
   * throws, or the signal's reason.
   */
  async *transcribe(
    audio: AsyncIterable<Float32Array>,
    options: FileOptions,
    run: FileRun = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    if (this.#running >= this.#limits.filesMax && this.#places.waiting >= this.#limits.filesWaitingMax) {
      throw new AsrError('overloaded', `${this.#places.waiting} recordings wait already`);
    }
    const release = await this.#places.take(run.signal);
    this.#running += 1;
    try {
      const paid = run.spendAudio === undefined ? audio : spent(audio, run.spendAudio);
      for await (const segment of this.#transcriber.transcribe(paid, options, run)) {
        yield options.words ? segment : { ...segment, words: [] };
      }
    } finally {
      this.#running -= 1;
      release();
    }
  }
}

async function* spent(audio: AsyncIterable<Float32Array>, spend: SpendAudio): AsyncGenerator<Float32Array> {
  for await (const block of audio) {
    spend(block.length / SAMPLES_PER_MS);
    yield block;
  }
}
