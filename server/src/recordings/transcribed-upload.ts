// A recording on its way from bytes to segments.
import type { AudioFileWarning } from '../audio/audio-errors.js';
import { decodeAudio } from '../audio/decode-audio.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import { isStored, spool } from '../audio/stored-bytes.js';
import { SpeechFound } from '../asr/files/speech-found.js';
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import { separateChannels } from '../asr/files/separate-channels.js';
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
    const hear = (from: AsyncIterable<Uint8Array>, channel?: number) =>
      transcription.transcribe(this.#counted(decodeAudio(from, { onWarning, track, language, channel })), options, {
        ...run,
        decodeWarnings: this.#warnings,
        // A hit by the bytes of the upload would not say of which channel it is.
        uploadHash: channel === undefined ? hash : undefined,
        onCache: (outcome) => {
          this.cache = outcome;
        },
        onAudioMs: (audioMs) => {
          this.#durationMs = audioMs;
        },
      });
    this.segments = this.#noted(options.channels === 'separate' ? apart(bytes, hear) : hear(bytes));
  }

  /** What whoever sent the file should know although it could be read; complete when the segments are. */
  get warnings(): string[] {
    const hardlyAny = this.#speech.warning(this.durationMs);
    const messages = new Set(this.#warnings.map(({ message }) => message));
    return [...messages, ...(hardlyAny === undefined ? [] : [hardlyAny])];
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
    let samples = 0;
    for await (const block of audio) {
      samples += block.length;
      this.#samples = Math.max(this.#samples, samples);
      yield block;
    }
  }
}

/** Each channel by itself. The bytes are read once for each: a stream is put aside. */
async function* apart(
  bytes: AsyncIterable<Uint8Array>,
  hear: (bytes: AsyncIterable<Uint8Array>, channel: number) => AsyncIterable<TranscribedSegment>,
): AsyncGenerator<TranscribedSegment, void, undefined> {
  const stored = isStored(bytes) ? bytes : await spool(bytes);
  try {
    yield* separateChannels((channel) => hear(stored, channel));
  } finally {
    if (stored !== bytes) await stored.close();
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
