// A recording on its way from bytes to segments.
import type { AudioFileWarning } from '../audio/audio-errors.js';
import { decodeAudio } from '../audio/decode-audio.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import { SpeechFound } from '../asr/files/speech-found.js';
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import type { CachedRun, CachedTranscription, CacheOutcome } from './cached-transcription.js';
import type { FileOptions } from './file-transcription.js';

/** What transcribes, with or without a cache. */
export type Transcription = Pick<CachedTranscription, 'transcribe'>;

/** A recording as it came in. */
export interface RecordingBytes {
  /** Read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Hex SHA-256 of the bytes, where all of them are here. */
  readonly hash?: string;
}

/** Decodes and transcribes one file; read once. */
export class TranscribedUpload {
  readonly #warnings: AudioFileWarning[] = [];
  readonly #speech = new SpeechFound();
  readonly segments: AsyncGenerator<TranscribedSegment, void, undefined>;
  /** Whether the same file had been heard before; known with the first segment. */
  cache: CacheOutcome = 'miss';
  #durationMs: number | undefined;
  #samples = 0;

  constructor(
    transcription: Transcription,
    { bytes, hash }: RecordingBytes,
    options: FileOptions,
    run: Pick<CachedRun, 'signal' | 'isLive' | 'spendAudio'> = {},
  ) {
    const { track, language } = options;
    const onWarning = (warning: AudioFileWarning): number => this.#warnings.push(warning);
    const audio = decodeAudio(bytes, { onWarning, track, language });
    const segments = transcription.transcribe(this.#counted(audio), options, {
      ...run,
      decodeWarnings: this.#warnings,
      uploadHash: hash,
      onCache: (outcome) => {
        this.cache = outcome;
      },
      onAudioMs: (audioMs) => {
        this.#durationMs = audioMs;
      },
    });
    this.segments = this.#noted(segments);
  }

  /** What whoever sent the file should know although it could be read; complete when the segments are. */
  get warnings(): string[] {
    const hardlyAny = this.#speech.warning(this.durationMs);
    return [...this.#warnings.map(({ message }) => message), ...(hardlyAny === undefined ? [] : [hardlyAny])];
  }

  /** Of the recording, as far as it was decoded, milliseconds. */
  get durationMs(): number {
    return this.#durationMs ?? this.#samples / SAMPLES_PER_MS;
  }

  async *#noted(segments: AsyncIterable<TranscribedSegment>): AsyncGenerator<TranscribedSegment, void, undefined> {
    for await (const segment of segments) {
      this.#speech.add(segment);
      yield segment;
    }
  }

  async *#counted(audio: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array, void, undefined> {
    for await (const block of audio) {
      this.#samples += block.length;
      yield block;
    }
  }
}

/** The language of most of the speech; `fallback` where there is none. */
export function mainLanguage(segments: readonly TranscribedSegment[], fallback: string): string {
  const spoken = new Map<string, number>();
  for (const { language, startMs, endMs, text } of segments) {
    if (text !== '') spoken.set(language, (spoken.get(language) ?? 0) + endMs - startMs);
  }
  return [...spoken].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? (fallback === 'auto' ? '' : fallback);
}
