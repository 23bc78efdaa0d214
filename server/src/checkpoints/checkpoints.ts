// Live sessions in the store, so that they survive their node: written off the way of events, each by one node at a
// time.
import { Packr } from 'msgpackr';
import { createHash, randomBytes } from 'node:crypto';
import {
  KEPT_VERSION,
  type KeepableSession,
  type KeptSession,
  type RecalledSession,
  type SessionKeeper,
} from '../gateway/resume/kept-session.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import type { StoreHealth } from '../store/store-health.js';
import { within } from '../time/within.js';

/** How long what is new is gathered before it is written, milliseconds. */
const GATHER_MS = 20;
/** How long a store that failed is left alone, milliseconds. */
const RETRY_MS = 1_000;
/** How long a client that comes back waits for the store, milliseconds. */
const RECALL_MS_MAX = 3_000;
/** How long a session that leaves its node waits for the store, milliseconds. */
const HAND_OVER_MS_MAX = 3_000;
/** Kept sessions looked at in one sweep. */
const SWEEP_MAX = 100;
/** Sessions whose age is known, at most; beyond: the age of those that were seen first counts from anew. */
const SEEN_MAX = 20_000;

const packr = new Packr({ useRecords: false, variableMapSize: true });

export interface CheckpointsOptions {
  readonly store: KeyValueStore;
  readonly isShared: boolean;
  readonly health: Pick<StoreHealth, 'failed' | 'succeeded'>;
  /** How long a session waits for its client, milliseconds. */
  readonly windowMs: number;
  /** Milliseconds that only grow. Clocks of other nodes do not matter. */
  readonly now: () => number;
}

/** A session's place in the store. */
interface Lease {
  readonly key: string;
  /** What stands in the store while the session is this one's. */
  readonly mark: Buffer;
  /** What must stand there for a write to happen. */
  expected: Buffer | undefined;
  /** How often it was written, by whomever: 0: never. */
  beats: number;
  /** When it was written last. */
  writtenAt: number;
}

interface Stored {
  /** Is another one after each write. */
  readonly beats: number;
  readonly kept: KeptSession;
}

/** What was seen of a session in the store. */
interface Seen {
  /** Hash of its value. */
  readonly value: string;
  /** Since when it is like that. */
  readonly since: number;
}

/**
 * The value of a session is written whole each time; beside it stands the mark of its owner, on which every write
 * depends: who has lost a session learns it with the next write. Keys are hashes of tokens, which the store never sees.
 */
export class Checkpoints implements SessionKeeper {
  readonly #options: CheckpointsOptions;
  readonly #leases = new Map<KeepableSession, Lease>();
  readonly #changed = new Set<KeepableSession>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;
  #sweptTo = '';
  readonly #seen = new Map<string, Seen>();

  constructor(options: CheckpointsOptions) {
    this.#options = options;
  }

  get isShared(): boolean {
    return this.#options.isShared;
  }

  changed(session: KeepableSession): void {
    if (this.#isClosed) return;
    if (!this.#leases.has(session)) this.#leases.set(session, newLease(hashOf(session.token)));
    this.#changed.add(session);
    this.#later(GATHER_MS);
  }

  forget(session: KeepableSession): void {
    const lease = this.#letGo(session);
    if (lease === undefined || lease.beats === 0) return;
    void this.#remove(lease.key, lease.mark).catch((error: unknown) => this.#options.health.failed(error));
  }

  async owns(session: KeepableSession): Promise<boolean> {
    const lease = this.#leases.get(session);
    if (lease === undefined) return false;
    const owner = this.#options.store.get('checkpointOwners', lease.key);
    const found = await within(RECALL_MS_MAX, owner, undefined).catch(() => undefined);
    return found === undefined || lease.mark.equals(found);
  }

  async handOver(session: KeepableSession): Promise<boolean> {
    if (!this.#leases.has(session)) return false;
    const isWritten = within(HAND_OVER_MS_MAX, this.#writeUntilDone(session), false);
    const isKept = await isWritten.catch(() => false);
    if (isKept) this.#letGo(session);
    return isKept;
  }

  async recall(token: string, accept: (kept: KeptSession) => boolean): Promise<RecalledSession | undefined> {
    try {
      return await within(RECALL_MS_MAX, this.#take(token, accept), undefined);
    } catch (error) {
      this.#options.health.failed(error);
      return undefined;
    }
  }

  /** Sessions that say nothing are written now and then, so that they are not taken for forgotten. */
  async tend(): Promise<void> {
    const due = this.#options.now() - this.#options.windowMs / 2;
    for (const [session, { writtenAt }] of this.#leases) if (writtenAt < due) this.changed(session);
  }

  /**
   * Removes what nobody came back for: what has not been written for as long as this process has seen it, by a clock
   * that nobody sets.
   */
  async sweep(): Promise<void> {
    const { store, now } = this.#options;
    const entries = await store.entries('checkpoints', { from: this.#sweptTo, limit: SWEEP_MAX });
    const last = entries.at(-1);
    this.#sweptTo = last === undefined || entries.length < SWEEP_MAX ? '' : `${last.key}\0`;
    const old = entries.filter(({ key, value }) => this.#unchangedMs(key, value, now()) > this.#lifetimeMs);
    await Promise.all(old.map(async ({ key }) => this.#remove(key, await store.get('checkpointOwners', key))));
    for (const { key } of old) this.#seen.delete(key);
  }

  /** Of all that is there: what cannot be read may be of nodes of another version. */
  #unchangedMs(key: string, bytes: Uint8Array, now: number): number {
    const value = hashOf(bytes);
    const seen = this.#seen.get(key);
    if (seen?.value === value) return now - seen.since;
    this.#seen.delete(key);
    this.#seen.set(key, { value, since: now });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= SEEN_MAX) break;
      this.#seen.delete(oldest);
    }
    return 0;
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#writing;
  }

  /** A session is written at least every half window, so that it waits about as long as it would at its node. */
  get #lifetimeMs(): number {
    return 2 * this.#options.windowMs;
  }

  #later(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing ??= this.#writeAll().finally(() => {
        this.#writing = undefined;
        if (this.#changed.size > 0 && !this.#isClosed) this.#later(GATHER_MS);
      });
    }, delayMs).unref();
  }

  /** All at once: the store writes together what comes together. */
  async #writeAll(): Promise<void> {
    const sessions = [...this.#changed];
    this.#changed.clear();
    const results = await Promise.allSettled(sessions.map((session) => this.#write(session)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    this.#options.health.failed(failed.reason);
    for (const [at, { status }] of results.entries()) {
      const session = sessions[at];
      if (status === 'rejected' && session !== undefined && this.#leases.has(session)) this.#changed.add(session);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
  }

  async #writeUntilDone(session: KeepableSession): Promise<boolean> {
    while (this.#leases.has(session)) {
      if (await this.#write(session)) return true;
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    }
    return false;
  }

  /** Resolves with false where it could not be written now: it is tried again, or it is gone. */
  async #write(session: KeepableSession): Promise<boolean> {
    const lease = this.#leases.get(session);
    if (lease === undefined) return false;
    const kept = session.snapshot();
    if (kept === undefined) {
      this.#changed.add(session);
      return false;
    }
    const { key, mark } = lease;
    const beats = lease.beats + 1;
    const changes = [
      { map: 'checkpoints', key, value: packr.pack({ beats, kept } satisfies Stored) },
      { map: 'checkpointOwners', key, value: mark },
    ] as const;
    if (await this.#options.store.commit(changes, [{ map: 'checkpointOwners', key, value: lease.expected }])) {
      lease.expected = mark;
      lease.beats = beats;
      lease.writtenAt = this.#options.now();
      // A session that was let go of in the meantime is not told.
      if (this.#leases.get(session) === lease) session.kept(kept);
      return true;
    }
    await this.#lookAgain(session, lease);
    return false;
  }

  /** Somebody else has it, or the store does not know what it was told: it may have lost it, or its answer was lost. */
  async #lookAgain(session: KeepableSession, lease: Lease): Promise<void> {
    const found = await this.#options.store.get('checkpointOwners', lease.key);
    if (found === undefined || lease.mark.equals(found)) {
      lease.expected = found === undefined ? undefined : lease.mark;
      this.#changed.add(session);
      return;
    }
    if (this.#letGo(session) !== undefined) session.lost();
  }

  async #take(token: string, accept: (kept: KeptSession) => boolean): Promise<RecalledSession | undefined> {
    const { store, now } = this.#options;
    const key = hashOf(token);
    for (;;) {
      const [value, owner] = await Promise.all([store.get('checkpoints', key), store.get('checkpointOwners', key)]);
      const stored = value && storedIn(value);
      if (stored === undefined || owner === undefined) return undefined;
      if (!accept(stored.kept)) return undefined;
      const lease = newLease(key);
      const isTaken = await store.commit(
        [{ map: 'checkpointOwners', key, value: lease.mark }],
        [
          { map: 'checkpointOwners', key, value: owner },
          { map: 'checkpoints', key, value },
        ],
      );
      if (!isTaken) continue;
      lease.expected = lease.mark;
      lease.beats = stored.beats;
      lease.writtenAt = now();
      return { kept: stored.kept, adopt: (session) => this.#leases.set(session, lease) };
    }
  }

  async #remove(key: string, owner: Uint8Array | undefined): Promise<void> {
    await this.#options.store.commit(
      [
        { map: 'checkpoints', key, value: undefined },
        { map: 'checkpointOwners', key, value: undefined },
      ],
      [{ map: 'checkpointOwners', key, value: owner }],
    );
  }

  #letGo(session: KeepableSession): Lease | undefined {
    const lease = this.#leases.get(session);
    this.#leases.delete(session);
    this.#changed.delete(session);
    return lease;
  }
}

function newLease(key: string): Lease {
  return { key, mark: randomBytes(12), expected: undefined, beats: 0, writtenAt: 0 };
}

function hashOf(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest('base64url');
}

/** What a store holds that was damaged, or that a newer version wrote, is nothing. */
function storedIn(value: Uint8Array): Stored | undefined {
  try {
    const stored = packr.unpack(value) as Partial<Stored> | undefined;
    return typeof stored?.beats === 'number' && stored.kept?.version === KEPT_VERSION ? (stored as Stored) : undefined;
  } catch {
    return undefined;
  }
}
