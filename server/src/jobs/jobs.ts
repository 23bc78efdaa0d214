// The jobs of a server: taken within bounds, done in their order, cancelled, deleted, and forgotten in time.
import { randomUUID } from 'node:crypto';
import { isLoopback } from '../http/hosts.js';
import { HashingStream } from '../recordings/result-cache.js';
import type { CachedTranscription } from '../recordings/cached-transcription.js';
import type { BlobStore } from '../store/blobs.js';
import type { StoreHealth } from '../store/store-health.js';
import type { Transcripts } from '../transcripts/transcripts.js';
import { clientOf, isOver, NOBODY, type JobClient, type JobOptions, type JobRecord, type JobSource } from './job.js';
import { JobError } from './job-error.js';
import type { JobFolder } from './job-folder.js';
import type { JobQueue } from './job-queue.js';
import { JobCancelled, type JobRunner } from './job-runner.js';
import type { JobStore } from './job-store.js';
import type { Webhooks } from './webhooks.js';

/** An upload that no job has come for by then is forgotten, milliseconds. */
const ORPHAN_MS = 6 * 3_600_000;
/** A job that is not over by then is given up, in retention times: it was lost on the way. */
const LOST_AFTER = 10;

export interface JobsOptions {
  readonly store: JobStore;
  readonly blobs: BlobStore;
  readonly folder: JobFolder;
  readonly queue: JobQueue;
  readonly runner: JobRunner;
  readonly transcripts: Transcripts;
  readonly transcription: CachedTranscription;
  readonly webhooks: Webhooks;
  readonly health: StoreHealth;
  /** Jobs of one key that are not over. Beyond: `jobs_full`. Absent or 0: no bound. */
  readonly ofKeyMax?: number | undefined;
  /** The same of one address on another machine. */
  readonly ofAddressMax?: number | undefined;
  /** Jobs that may wait. Beyond: `jobs_full`. */
  readonly waitingMax: number;
  /** How long a job is kept when it is over, milliseconds. */
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** A recording that has arrived, for {@link Jobs.submit}. */
export interface UploadedRecording {
  readonly id: string;
  readonly name: string;
  readonly source: JobSource;
}

/** Methods reject with StoreError where the store fails. */
export class Jobs {
  readonly #options: JobsOptions;
  readonly #closing = new AbortController();
  readonly #running = new Map<string, AbortController>();
  readonly #uploading = new Set<string>();
  readonly #places = new Set<JobClient>();
  /** Uploads without a job, and since when. */
  readonly #orphans = new Map<string, number>();

  #waiting = 0;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  /** Begins to do jobs, those first that were left undone. */
  start(): void {
    this.#options.queue.work((id) => this.#run(id));
  }

  /** Jobs that waited on all nodes when this was last {@link tend}ed, and those under way in this process. */
  get counts(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#waiting, running: this.#running.size };
  }

  /**
   * Keeps a place for one further job while its recording comes; returns what gives the place back. Rejects with
   * JobError `jobs_full` where there is none, of this key, of this address, or at all.
   */
  async reserve(client: JobClient): Promise<() => void> {
    this.#places.add(client);
    try {
      await this.#checkRoom(client);
    } catch (error) {
      this.#places.delete(client);
      throw error;
    }
    return () => this.#places.delete(client);
  }

  async #checkRoom(client: JobClient): Promise<void> {
    const { ofKeyMax = 0, ofAddressMax = 0, waitingMax, queue } = this.#options;
    const places = [...this.#places];
    // Those that asked first: of many that come at once, some have a place.
    const before = places.slice(0, places.indexOf(client));
    const { keyId, address } = client;
    const check = async (whose: string, most: number, isTheirs: (other: JobClient) => boolean): Promise<void> => {
      if (most === 0) return;
      const kept = await this.list(most, (job) => !isOver(job) && isTheirs(clientOf(job)));
      if (before.filter(isTheirs).length + kept.length < most) return;
      throw new JobError('jobs_full', `Too many jobs of this ${whose} wait already.`);
    };
    await check('key', keyId === undefined ? 0 : ofKeyMax, (other) => other.keyId === keyId);
    const isNear = address === '' || isLoopback(address);
    await check('address', isNear ? 0 : ofAddressMax, (other) => other.address === address);
    if (before.length + (await queue.waiting()) >= waitingMax) {
      throw new JobError('jobs_full', 'Too many jobs wait already.');
    }
  }

  /** Keeps the bytes of a recording. Rejects with what reading them throws too; then nothing of it is kept. */
  async upload(name: string, bytes: AsyncIterable<Uint8Array>): Promise<UploadedRecording> {
    const id = `j_${randomUUID()}`;
    this.#uploading.add(id);
    try {
      const hash = new HashingStream();
      const size = await this.#options.blobs.write(id, hash.pass(bytes));
      return { id, name, source: { kind: 'upload', bytes: size, sha256: hash.digest() } };
    } catch (error) {
      this.#uploading.delete(id);
      throw error;
    }
  }

  /** Forgets an upload that becomes no job. */
  async discard({ id }: UploadedRecording): Promise<void> {
    this.#uploading.delete(id);
    await this.#options.blobs.delete(id);
  }

  /** Queues a job for a recording. */
  async submit(
    { id, name, source }: UploadedRecording,
    options: JobOptions,
    { keyId, address, token }: JobClient = NOBODY,
  ): Promise<JobRecord> {
    const { store, queue, wallNow } = this.#options;
    const now = wallNow();
    const job: JobRecord = {
      id,
      owner: keyId,
      address,
      token,
      state: 'queued',
      createdAt: now,
      updatedAt: now,
      name,
      source,
      options,
      progress: { heardMs: 0, fraction: 0 },
      revision: 0,
      attempts: 0,
    };
    await store.add(job);
    try {
      await queue.add(id);
    } catch (error) {
      await store.remove(job);
      throw error;
    } finally {
      this.#uploading.delete(id);
    }
    return job;
  }

  /**
   * Queues a job for a file in the folder of the settings. Rejects with JobError too: `path_refused`, `path_unknown`.
   */
  async submitPath(path: string, options: JobOptions, client: JobClient = NOBODY): Promise<JobRecord> {
    // It is there, and may be read; that is all to be known now.
    await this.#options.folder.open(path);
    const name = path.slice(path.lastIndexOf('/') + 1);
    return this.submit({ id: `j_${randomUUID()}`, name, source: { kind: 'path', path } }, options, client);
  }

  async get(id: string): Promise<JobRecord | undefined> {
    return this.#options.store.get(id);
  }

  list(limit: number, isVisible?: (job: JobRecord) => boolean): Promise<JobRecord[]> {
    return this.#options.store.list(limit, isVisible);
  }

  watch(id: string, signal: AbortSignal): AsyncGenerator<JobRecord, void, undefined> {
    return this.#options.store.watch(id, AbortSignal.any([signal, this.#closing.signal]));
  }

  /**
   * Cancels a job that is not over; forgets one that is, with its transcript and all that came of it. Undefined: there
   * is none.
   */
  async remove(id: string): Promise<'cancelled' | 'deleted' | undefined> {
    const { store, queue, wallNow } = this.#options;
    const cancelled = await store.change(id, () => ({ state: 'cancelled', finishedAt: wallNow() }));
    if (cancelled !== undefined) {
      this.#running.get(id)?.abort(new JobCancelled('The job was cancelled.'));
      await queue.remove(id);
      await this.#clear(cancelled);
      await this.#options.transcripts.delete(id);
      return 'cancelled';
    }
    const job = await store.get(id);
    if (job === undefined) return undefined;
    await this.#forget(job);
    return 'deleted';
  }

  /** The transcript of a job is deleted: forgets the result that was kept with it. There need be no such job. */
  async forgetResult(id: string): Promise<void> {
    const job = await this.get(id);
    if (job?.cacheKey !== undefined) await this.#options.transcription.forget(job.cacheKey);
  }

  /** Delivers webhooks that are due; called about once a second. */
  async tend(): Promise<void> {
    await this.#options.webhooks.deliverDue(this.#closing.signal);
    this.#waiting = await this.#options.queue.waiting();
  }

  /** Forgets some of what is too old; called now and then. */
  async sweep(): Promise<void> {
    const { store, wallNow, retentionMs } = this.#options;
    const now = wallNow();
    for (const job of await store.before(now - retentionMs)) {
      const age = now - job.updatedAt;
      if ((isOver(job) && age > retentionMs) || age > LOST_AFTER * retentionMs) await this.#forget(job);
    }
    await this.#sweepUploads(now);
  }

  /** What a process before this has left: uploads without a job. Only where no other process writes. */
  async recover(): Promise<void> {
    for (const name of await this.#options.blobs.names()) await this.#dropOrphan(name);
  }

  /** Leaves jobs under way to be gone on with. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The server shuts down.'));
    await this.#options.queue.close();
  }

  async #run(id: string): Promise<void> {
    const cancelling = new AbortController();
    this.#running.set(id, cancelling);
    try {
      const job = await this.#options.runner.run(id, AbortSignal.any([this.#closing.signal, cancelling.signal]));
      if (job === undefined) {
        // Cancelled: also what was written after that.
        const left = await this.get(id);
        if (left === undefined || left.state === 'cancelled') await this.#options.transcripts.delete(id);
        return;
      }
      await this.#clear(job);
    } finally {
      this.#running.delete(id);
    }
  }

  /** The audio is not kept beyond the job. */
  async #clear({ id, source }: JobRecord): Promise<void> {
    if (source.kind === 'upload') await this.#options.blobs.delete(id);
  }

  async #forget(job: JobRecord): Promise<void> {
    const { store, transcripts, transcription } = this.#options;
    await transcripts.delete(job.id);
    if (job.cacheKey !== undefined) await transcription.forget(job.cacheKey);
    await this.#clear(job);
    await store.remove(job);
  }

  async #sweepUploads(now: number): Promise<void> {
    const names = new Set(await this.#options.blobs.names());
    for (const name of this.#orphans.keys()) if (!names.has(name)) this.#orphans.delete(name);
    for (const name of names) {
      const since = this.#orphans.get(name);
      if (since === undefined) this.#orphans.set(name, now);
      else if (now - since > ORPHAN_MS) await this.#dropOrphan(name);
    }
  }

  async #dropOrphan(name: string): Promise<void> {
    if (this.#uploading.has(name)) return;
    const job = await this.get(name);
    if (job === undefined || isOver(job)) await this.#options.blobs.delete(name);
  }
}
