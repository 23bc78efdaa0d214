// Results of recordings that were transcribed before, bounded in bytes and age; the oldest go first.
import { messageOf } from '@sotto/protocol';
import { createHash, type Hash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import type { FileOptions } from './file-transcription.js';
import type { KeyValueStore, StoreChange } from '../store/key-value-store.js';
import { StoreError } from '../store/store-error.js';
import { timePrefix } from '../transcripts/transcript.js';

/** Entries looked at in one step of making room or of a sweep. */
const STEP = 100;
/** Of all results together: one that takes more than this share of the room is not kept. */
const SHARE_MAX = 0.25;

export interface ResultCacheOptions {
  readonly store: KeyValueStore;
  /** The identity of the model that recognises now. */
  readonly model: () => string;
  /** What else results depend on, whatever is asked: precision, version, what is done to texts. Default: nothing. */
  readonly circumstances?: string;
  /** Bytes of all results together; 0: nothing is kept. */
  readonly bytesMax: number;
  /** How long a result is kept, milliseconds. */
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

export interface CachedResult {
  readonly segments: readonly TranscribedSegment[];
  /** Length of the recording, milliseconds. */
  readonly audioMs: number;
}

interface Stored extends CachedResult {
  readonly createdAt: number;
  /** Keys of uploads that lead here. */
  readonly uploads: readonly string[];
}

const packr = new Packr({ useRecords: true });

/** All methods reject with StoreError where the store fails. */
export class ResultCache {
  readonly #options: ResultCacheOptions;
  readonly #store: KeyValueStore;
  #bytes = 0;

  constructor(options: ResultCacheOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** Bytes of the results, as far as this process knows: exact after {@link sweep}. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The identity of the model that recognises now. */
  get model(): string {
    return this.#options.model();
  }

  /**
   * The key of a recording (hex SHA-256 of its decoded audio, or of its bytes as uploaded) with the options that its
   * result depends on.
   *
   * @param model the identity of what hears, or has heard it
   */
  key(
    hash: string,
    { language, task, prompt, hotwords, words, temperature = 0, cutting, rewriting, track, demands }: FileOptions,
    model = this.model,
  ): string {
    const { threshold, prefixPaddingMs, minSilenceMs } = cutting ?? {};
    const cut = [threshold, prefixPaddingMs, minSilenceMs];
    const asked = JSON.stringify([
      model,
      this.#options.circumstances ?? '',
      language,
      task,
      prompt,
      hotwords,
      words,
      temperature,
      cut,
      rewriting ?? {},
      track,
      demands ?? {},
    ]);
    return createHash('sha256').update(hash).update(asked).digest('hex');
  }

  /** By the key of the decoded audio. */
  async find(key: string): Promise<CachedResult | undefined> {
    const value = await this.#store.get('results', key);
    if (value === undefined) return undefined;
    const { segments, audioMs, createdAt } = storedIn(value);
    const isThere = createdAt + this.#options.retentionMs > this.#options.wallNow();
    return isThere ? { segments, audioMs } : undefined;
  }

  /** By the key of an upload: without decoding it. */
  async findUpload(uploadKey: string): Promise<CachedResult | undefined> {
    const key = await this.#store.get('uploads', uploadKey);
    return key === undefined ? undefined : this.find(Buffer.from(key).toString());
  }

  /** Keeps a result, found by its audio and, where the upload is known, by that. */
  async keep(key: string, uploadKey: string | undefined, result: CachedResult): Promise<void> {
    const createdAt = this.#options.wallNow();
    const before = await this.#store.get('results', key);
    const known = before === undefined ? [] : storedIn(before).uploads;
    const uploads = uploadKey === undefined ? known : [...new Set([...known, uploadKey])].slice(-STEP);
    const value = packr.pack({ ...result, createdAt, uploads } satisfies Stored);
    if (value.length > this.#options.bytesMax * SHARE_MAX) return;
    const size = Buffer.from(`${value.length}`);
    await this.#store.commit([
      ...(before === undefined ? [] : removal(key, storedIn(before))),
      { map: 'results', key, value },
      { map: 'resultsByTime', key: `${timePrefix(createdAt)}${key}`, value: size },
      ...uploads.map((upload): StoreChange => ({ map: 'uploads', key: upload, value: Buffer.from(key) })),
    ]);
    this.#bytes += value.length - (before?.length ?? 0);
    await this.#makeRoom();
  }

  /** Forgets a result and everything that leads to it. */
  async forget(key: string): Promise<void> {
    const value = await this.#store.get('results', key);
    if (value === undefined) return;
    await this.#store.commit(removal(key, storedIn(value)));
    this.#bytes -= value.length;
  }

  /** Forgets what is too old, and counts anew what other processes have changed. */
  async sweep(): Promise<void> {
    const oldest = timePrefix(this.#options.wallNow() - this.#options.retentionMs);
    for (const key of await this.#store.keys('resultsByTime', { to: oldest, limit: STEP })) await this.#drop(key);
    let bytes = 0;
    let from = '';
    for (;;) {
      const step = await this.#store.entries('resultsByTime', { from, limit: 10 * STEP });
      for (const { value } of step) bytes += Number(Buffer.from(value).toString());
      const last = step.at(-1);
      if (last === undefined) break;
      from = `${last.key}\0`;
    }
    this.#bytes = bytes;
    await this.#makeRoom();
  }

  async #makeRoom(): Promise<void> {
    while (this.#bytes > this.#options.bytesMax) {
      const oldest = await this.#store.keys('resultsByTime', { limit: 1 });
      const [key] = oldest;
      if (key === undefined) {
        this.#bytes = 0;
        return;
      }
      await this.#drop(key);
    }
  }

  async #drop(byTime: string): Promise<void> {
    await this.forget(byTime.slice(timePrefix(0).length));
    // Also where another process was faster.
    await this.#store.commit([{ map: 'resultsByTime', key: byTime, value: undefined }]);
  }
}

/** Throws StoreError `store_damaged`: a page that was overwritten may hold anything. */
function storedIn(value: Uint8Array): Stored {
  try {
    return packr.unpack(value) as Stored;
  } catch (error) {
    throw new StoreError('store_damaged', `A result cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function removal(key: string, { createdAt, uploads }: Stored): StoreChange[] {
  return [
    { map: 'results', key, value: undefined },
    { map: 'resultsByTime', key: `${timePrefix(createdAt)}${key}`, value: undefined },
    ...uploads.map((upload): StoreChange => ({ map: 'uploads', key: upload, value: undefined })),
  ];
}

/** SHA-256 of what goes through. */
export class HashingStream {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** The same pieces. */
  async *pass<T extends Uint8Array | Float32Array>(pieces: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    for await (const piece of pieces) {
      this.#hash.update(
        piece instanceof Uint8Array ? piece : new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength),
      );
      this.#bytes += piece.byteLength;
      yield piece;
    }
  }

  /** Hex; once, when everything has gone through. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
