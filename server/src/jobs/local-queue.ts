// The queue of one process, in its store: a job leaves it when it is done.
import { setTimeout } from 'node:timers/promises';
import type { KeyValueStore } from '../store/key-value-store.js';
import { timePrefix } from '../transcripts/transcript.js';
import type { JobHandler, JobQueue } from './job-queue.js';

/** Wait before a job is tried again whose handler failed, milliseconds. */
const RETRY_MS = 2_000;

export interface LocalQueueOptions {
  readonly store: KeyValueStore;
  /** Jobs that are done at a time. */
  readonly concurrency: number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Hears of what keeps the queue from going on. */
  readonly onError: (error: unknown) => void;
}

export class LocalQueue implements JobQueue {
  readonly #options: LocalQueueOptions;
  readonly #store: KeyValueStore;
  /** Keys of the jobs under way. */
  readonly #running = new Map<string, Promise<void>>();
  #handler: JobHandler | undefined;
  #isLooking = false;
  #looksAgain = false;
  readonly #closing = new AbortController();
  /** Jobs that came in the same millisecond keep their order. */
  #count = 0;

  constructor(options: LocalQueueOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  async waiting(): Promise<number> {
    const keys = await this.#store.keys('jobQueue', { limit: 100_000 });
    return keys.filter((key) => !this.#running.has(key)).length;
  }

  async add(id: string): Promise<void> {
    const order = String(this.#count++ % 1_000_000).padStart(6, '0');
    const key = `${timePrefix(this.#options.wallNow())}${order}/${id}`;
    await this.#store.commit([{ map: 'jobQueue', key, value: Buffer.from(id) }]);
    void this.#look();
  }

  async remove(id: string): Promise<void> {
    const keys = await this.#store.keys('jobQueue', { limit: 100_000 });
    const gone = keys.filter((key) => idOf(key) === id && !this.#running.has(key));
    await this.#store.commit(gone.map((key) => ({ map: 'jobQueue', key, value: undefined })));
  }

  work(handler: JobHandler): void {
    this.#handler = handler;
    void this.#look();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running.values());
  }

  /** Begins jobs while there is room for them. */
  async #look(): Promise<void> {
    this.#looksAgain = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#looksAgain && !this.#closing.signal.aborted && this.#handler !== undefined) {
        this.#looksAgain = false;
        const { concurrency } = this.#options;
        // Those under way stand in the queue, too.
        const keys = await this.#store.keys('jobQueue', { limit: this.#running.size + concurrency });
        for (const key of keys) {
          if (this.#running.size < concurrency && !this.#running.has(key)) this.#begin(key, this.#handler);
        }
      }
    } catch (error) {
      this.#options.onError(error);
      void this.#lookLater();
    } finally {
      this.#isLooking = false;
    }
  }

  #begin(key: string, handler: JobHandler): void {
    const work = this.#finish(key, handler).finally(() => {
      this.#running.delete(key);
      void this.#look();
    });
    this.#running.set(key, work);
  }

  async #finish(key: string, handler: JobHandler): Promise<void> {
    try {
      await handler(idOf(key));
      await this.#store.commit([{ map: 'jobQueue', key, value: undefined }]);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#options.onError(error);
      // Held for a while: what failed would fail again at once.
      await this.#pause();
    }
  }

  async #lookLater(): Promise<void> {
    await this.#pause();
    await this.#look();
  }

  /** Ends early when the queue is closed. */
  async #pause(): Promise<void> {
    await setTimeout(RETRY_MS, undefined, { ref: false, signal: this.#closing.signal }).catch(() => undefined);
  }
}

function idOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
