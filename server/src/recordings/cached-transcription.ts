// Transcription of recordings that remembers: what it has heard before it answers at once.
import type { HearingModel, TranscribedSegment } from '../asr/files/file-transcriber.js';
import type { FileOptions, FileRun, FileTranscription } from './file-transcription.js';
import type { StoreHealth } from '../store/store-health.js';
import { HashingStream, type CachedResult, type ResultCache } from './result-cache.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';

/** The header that tells whether a result was known: `hit` or `miss`. */
export const CACHE_HEADER = 'x-sotto-cache';
/**
 * Decoded audio that may be held until it is known whether it has been heard before: of one recording (ten minutes),
 * and of all.
 */
export const HELD_BYTES_MAX = { recording: 38_400_000, all: 134_217_728 } as const;

const BYTES_PER_MS = SAMPLES_PER_MS * Float32Array.BYTES_PER_ELEMENT;

export type CacheOutcome = 'hit' | 'miss';

export interface CachedRun extends FileRun {
  /** Hex SHA-256 of the recording's bytes as they came, where they are known by now: a hit then needs no decoding. */
  readonly uploadHash?: string | undefined;
  /** Whether it is a part of the recording only: then it is neither looked up nor kept. */
  readonly isPart?: boolean;
  /**
   * Whether each segment is wanted as soon as can be: then a recording is not held to be looked up by its decoded
   * audio.
   */
  readonly isLive?: boolean;
  /** What decoding warns of: a file that it warns of is decoded each time, so that it is said each time. */
  readonly decodeWarnings?: readonly unknown[];
  /** Called once, before the first segment: whether this has been heard before. */
  readonly onCache?: (outcome: CacheOutcome) => void;
  /** Called before the iteration ends, with the length of the recording, milliseconds: a hit is not decoded. */
  readonly onAudioMs?: (audioMs: number) => void;
  /** Called at the end, with the key to {@link CachedTranscription.forget} it by. */
  readonly onKept?: (key: string) => void;
}

/** Without a cache it only transcribes. A cache that fails costs its hits, never a result. */
export class CachedTranscription {
  readonly #transcription: Pick<FileTranscription, 'transcribe'>;
  readonly #cache: ResultCache | undefined;
  readonly #health: StoreHealth;
  readonly #onLookup: (outcome: CacheOutcome) => void;
  #heldBytes = 0;

  constructor(
    transcription: Pick<FileTranscription, 'transcribe'>,
    cache: ResultCache | undefined,
    health: StoreHealth,
    onLookup: (outcome: CacheOutcome) => void = () => {},
  ) {
    this.#transcription = transcription;
    this.#cache = cache;
    this.#health = health;
    this.#onLookup = onLookup;
  }

  /** What is known of a recording by the hash of its bytes: in milliseconds, and nothing need be decoded. */
  async find(uploadHash: string, options: FileOptions): Promise<CachedResult | undefined> {
    const cache = this.#cache;
    return this.#try(async () => cache?.findUpload(cache.key(uploadHash, options)));
  }

  /** As {@link FileTranscription.transcribe}, with every segment at once where the recording has been heard before. */
  async *transcribe(
    audio: AsyncIterable<Float32Array>,
    options: FileOptions,
    run: CachedRun = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    const cache = this.#cache;
    if (cache === undefined || run.isPart === true) {
      run.onCache?.('miss');
      return yield* this.#transcription.transcribe(audio, options, run);
    }
    const known = run.uploadHash === undefined ? undefined : await this.find(run.uploadHash, options);
    if (known !== undefined) return yield* this.#replay(known, run);
    let heardBy: string | undefined;
    const onModel = (model: HearingModel): void => {
      heardBy = model.identity;
      run.onModel?.(model);
    };
    const hash = new HashingStream();
    const held = new HeldAudio(hash.pass(audio), (bytes) => this.#hold(bytes));
    const uploadKey = (model?: string): string | undefined => {
      const { uploadHash, decodeWarnings = [] } = run;
      return uploadHash === undefined || decodeWarnings.length > 0 ? undefined : cache.key(uploadHash, options, model);
    };
    try {
      const isWhole = run.isLive !== true && (await held.fill(run.signal));
      const digest = isWhole ? hash.digest() : undefined;
      const key = digest === undefined ? undefined : cache.key(digest, options);
      const heard = key === undefined ? undefined : await this.#try(() => cache.find(key));
      if (key !== undefined && heard !== undefined) {
        const foundBy = uploadKey();
        if (foundBy !== undefined) await this.#try(() => cache.keep(key, foundBy, heard));
        run.onKept?.(key);
        return yield* this.#replay(heard, run);
      }
      this.#onLookup('miss');
      run.onCache?.('miss');
      const segments: TranscribedSegment[] = [];
      for await (const segment of this.#transcription.transcribe(held, options, { ...run, onModel })) {
        segments.push(segment);
        yield segment;
      }
      const audioMs = hash.bytes / BYTES_PER_MS;
      run.onAudioMs?.(audioMs);
      // It is kept as the work of the model that did it: by now another one may serve.
      const foundBy = cache.key(digest ?? hash.digest(), options, heardBy);
      await this.#try(() => cache.keep(foundBy, uploadKey(heardBy), { segments, audioMs }));
      run.onKept?.(foundBy);
    } finally {
      await held.release();
    }
  }

  /** Forgets a result by the key that `onKept` told. */
  async forget(key: string): Promise<void> {
    await this.#cache?.forget(key);
  }

  *#replay({ segments, audioMs }: CachedResult, run: CachedRun): Generator<TranscribedSegment, void, undefined> {
    this.#onLookup('hit');
    run.onCache?.('hit');
    run.onProgress?.(audioMs);
    run.onAudioMs?.(audioMs);
    yield* segments;
  }

  #hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > HELD_BYTES_MAX.all) return false;
    this.#heldBytes += bytes;
    return true;
  }

  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#health.failed(error);
      return undefined;
    }
  }
}

/** The beginning of a recording in memory, and the rest as it comes. */
class HeldAudio implements AsyncIterable<Float32Array> {
  readonly #source: AsyncGenerator<Float32Array, void, undefined>;
  readonly #hold: (bytes: number) => boolean;
  #blocks: Float32Array[] = [];
  #bytes = 0;
  #isWhole = false;

  constructor(source: AsyncGenerator<Float32Array, void, undefined>, hold: (bytes: number) => boolean) {
    this.#source = source;
    this.#hold = hold;
  }

  /** Takes blocks while there is room for them; whether that is all of them. */
  async fill(signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted();
      const next = await this.#source.next();
      if (next.done === true) {
        this.#isWhole = true;
        return true;
      }
      this.#blocks.push(next.value);
      const bytes = next.value.byteLength;
      if (this.#bytes + bytes > HELD_BYTES_MAX.recording || !this.#hold(bytes)) return false;
      this.#bytes += bytes;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Float32Array, void, undefined> {
    for (;;) {
      const block = this.#blocks.shift();
      if (block === undefined) break;
      yield block;
    }
    if (!this.#isWhole) yield* this.#source;
  }

  /** Gives the room back, and lets go of what was not read. */
  async release(): Promise<void> {
    this.#hold(-this.#bytes);
    this.#bytes = 0;
    this.#blocks = [];
    await this.#source.return();
  }
}
