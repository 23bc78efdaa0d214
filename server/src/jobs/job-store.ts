// The records of jobs, and who waits for them to change.
import { EventEmitter, once } from 'node:events';
import type { KeyValueStore } from '../store/key-value-store.js';
import { Records } from '../store/records.js';
import { idOfTimeKey, timeKey, timePrefix } from '../transcripts/transcript.js';
import { isOver, type JobRecord, type JobState } from './job.js';

/** How often a job is looked at that another node may change, milliseconds. */
const POLL_MS = 1_000;
/** Jobs looked at for one list. */
const LISTED_MAX = 1_000;
/** Jobs looked at in one sweep. */
const SWEEP_MAX = 100;

export type JobChange = Partial<Omit<JobRecord, 'id' | 'createdAt' | 'revision' | 'updatedAt'>>;

const NOTHING = new Uint8Array();

/** The entry by which a webhook is told of a job, when its time has come. */
export function deliveryAt(dueAt: number, id: string) {
  return { map: 'deliveries', key: `${timePrefix(dueAt)}${id}`, value: NOTHING } as const;
}

/** All methods reject with StoreError where the store fails. */
export class JobStore {
  readonly #store: KeyValueStore;
  readonly #records: Records<JobRecord>;
  readonly #wallNow: () => number;
  /** An event is a job's id. */
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #onOver: (state: JobState) => void;

  /** @param onOver hears of each job that this process brings to its end */
  constructor(store: KeyValueStore, wallNow: () => number, onOver: (state: JobState) => void = () => {}) {
    this.#onOver = onOver;
    this.#store = store;
    this.#records = new Records(store, 'jobs');
    this.#wallNow = wallNow;
  }

  get(id: string): Promise<JobRecord | undefined> {
    return this.#records.get(id);
  }

  async add(job: JobRecord): Promise<void> {
    await this.#store.commit([
      this.#records.change(job.id, job),
      { map: 'jobsByTime', key: timeKey(job), value: NOTHING },
    ]);
  }

  /** Changes a job that is not over; what it is then, or undefined where it is over, or not there any more. */
  async change(id: string, change: (job: JobRecord) => JobChange): Promise<JobRecord | undefined> {
    const changed = await this.#records.update(
      id,
      (job) => (isOver(job) ? undefined : this.#next(job, change(job))),
      // In the same commit: a job that is over is never without its delivery.
      (job) => (isOver(job) && job.webhook !== undefined ? [deliveryAt(this.#wallNow(), id)] : []),
    );
    if (changed === undefined) return undefined;
    this.#changes.emit(id);
    if (isOver(changed)) this.#onOver(changed.state);
    return changed;
  }

  /** Tells what became of a webhook, also when the job is over. */
  async note(id: string, webhook: JobRecord['webhook']): Promise<void> {
    await this.#records.update(id, (job) => this.#next(job, { webhook }));
    this.#changes.emit(id);
  }

  async remove(job: Pick<JobRecord, 'id' | 'createdAt'>): Promise<void> {
    await this.#store.commit([
      this.#records.change(job.id, undefined),
      { map: 'jobsByTime', key: timeKey(job), value: undefined },
    ]);
    this.#changes.emit(job.id);
  }

  /** The newest first, of those that are visible among the newest {@link LISTED_MAX}. */
  async list(limit: number, isVisible: (job: JobRecord) => boolean = () => true): Promise<JobRecord[]> {
    const keys = await this.#store.keys('jobsByTime', { reverse: true, limit: LISTED_MAX });
    const found: JobRecord[] = [];
    for (let at = 0; at < keys.length && found.length < limit; at += limit) {
      const records = await this.#records.getMany(keys.slice(at, at + limit).map(idOfTimeKey));
      found.push(...records.filter((record) => record !== undefined).filter(isVisible));
    }
    return found.slice(0, limit);
  }

  /** Some of the jobs that were made before a time, the oldest first. */
  async before(wallMs: number): Promise<JobRecord[]> {
    const keys = await this.#store.keys('jobsByTime', { to: timePrefix(wallMs), limit: SWEEP_MAX });
    const records = await this.#records.getMany(keys.map(idOfTimeKey));
    return records.filter((record) => record !== undefined);
  }

  /** A job as it is and whenever it has changed, until it is over, gone, or nobody listens any more. */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<JobRecord, void, undefined> {
    let seen = -1;
    while (!signal.aborted) {
      const changed = this.#changed(id, signal);
      const job = await this.get(id);
      if (job === undefined) return;
      if (job.revision > seen) {
        seen = job.revision;
        yield job;
      }
      if (isOver(job)) return;
      await changed;
    }
  }

  #next(job: JobRecord, change: JobChange): JobRecord {
    const next = { ...job, ...change, revision: job.revision + 1, updatedAt: this.#wallNow() };
    const isToTell = isOver(next) && next.options.webhook !== undefined && next.webhook === undefined;
    return isToTell ? { ...next, webhook: { state: 'waiting', attempts: 0 } } : next;
  }

  /** Resolves when the job has changed here, or may have changed elsewhere. */
  async #changed(id: string, signal: AbortSignal): Promise<void> {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(POLL_MS)]);
    await once(this.#changes, id, { signal: soon }).catch(() => undefined);
  }
}
