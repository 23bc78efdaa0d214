// The embedded store in a process of its own: LMDB maps its file into memory, so a damaged or cut off file ends the
// process that reads it. That is not the server.
import { messageOf } from '@sotto/protocol';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ChildError, RequestError } from '../../native-host/errors.js';
import { type ChildPatience, NativeChild } from '../../native-host/native-child.js';
import { type HostEvent, NativeHost, type RestartOptions } from '../../native-host/native-host.js';
import { unlessAborted } from '../../time/on-abort.js';
import type {
  KeyValueStore,
  StoreChange,
  StoreCommit,
  StoreEntry,
  StoreExpectation,
  StoreMap,
  StoreRange,
} from '../key-value-store.js';
import { asStoreError, StoreError, type StoreErrorCode } from '../store-error.js';
import { checkDataFile, dataFile } from './data-file.js';
import { lockFolder } from './folder-lock.js';
import { StoreDeath, StoreLane } from './store-lane.js';
import type { StoreAnswer, StoreRead, StoreRequest, StoreWork } from './store-work.js';

export interface HostedStoreOptions extends ChildPatience, RestartOptions {
  /** One batch, milliseconds; a process that takes longer hangs and is killed. */
  readonly requestTimeoutMs: number;
  /** Deaths in a row, none of a process that lived for `healthyAfterMs`, after which the file is not trusted. */
  readonly deathsTrusted: number;
  /**
   * Does not hold the folder, so that it may come while a server does: for a command that reads or changes a few
   * records. What it commits is tried once, since the receipts are the server's. Default false.
   */
  readonly isGuest?: boolean;
  readonly onEvent?: (event: StoreProcessEvent) => void;
}

export type StoreProcessEvent =
  | { readonly type: 'died'; readonly reason: string; readonly restartInMs: number }
  | { readonly type: 'restarted'; readonly pid: number | undefined }
  /** It has died again and again: what is asked while there is no process is refused. */
  | { readonly type: 'distrusted'; readonly reason: string }
  /** A process has lived long enough since. */
  | { readonly type: 'trusted' };

export const HOSTED_STORE_DEFAULTS = {
  loadTimeoutMs: 60_000,
  requestTimeoutMs: 30_000,
  silenceTimeoutMs: 30_000,
  closeTimeoutMs: 5_000,
  backoffMinMs: 100,
  backoffMaxMs: 300_000,
  healthyAfterMs: 60_000,
  deathsTrusted: 3,
} as const satisfies HostedStoreOptions;

/** Deaths that one read may cause: the second one is its fault. Commits that share a batch with it have one more. */
const DEATHS_MAX = { read: 2, commit: 3 } as const;

const MAIN = fileURLToPath(new URL(`./store-child-main${extname(import.meta.url)}`, import.meta.url));

/**
 * The same contract as the store within it. What was asked when the process died is asked again of the next one, and
 * happens once; what it dies of again is refused.
 */
export class HostedStore implements KeyValueStore {
  readonly kind = 'lmdb';
  readonly #options: HostedStoreOptions;
  readonly #host: NativeHost<StoreWork>;
  readonly #unlock: () => void;
  /** Begins all receipts: those of another server are none of ours. */
  readonly #receipts = randomUUID();
  readonly #reads: StoreLane<StoreRead, StoreAnswer>;
  readonly #commits: StoreLane<StoreCommit, StoreAnswer>;
  readonly #file: string;
  readonly #isGuest: boolean;
  /** Aborted, with the reason, while the file is not trusted. */
  #trust = new AbortController();
  #deaths = 0;
  #proving: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  private constructor(folder: string, options: HostedStoreOptions, first: NativeChild<StoreWork>, unlock: () => void) {
    this.#options = options;
    this.#file = dataFile(folder);
    this.#isGuest = options.isGuest ?? false;
    this.#unlock = unlock;
    this.#host = new NativeHost<StoreWork>(
      {
        ...options,
        name: 'the store',
        start: () => start(folder, options),
        restart: 'at_once',
        onEvent: (event) => this.#onEvent(event),
      },
      first,
    );
    const { read, commit } = DEATHS_MAX;
    this.#reads = new StoreLane({
      deathsMax: read,
      splits: true,
      send: (asked) => this.#send({ type: 'read', asked }),
    });
    // Never split: whether they happened is known of all of them together.
    this.#commits = new StoreLane({
      deathsMax: this.#isGuest ? 1 : commit,
      splits: false,
      send: (asked, id) =>
        this.#send({ type: 'commit', receipt: this.#isGuest ? undefined : `${this.#receipts}/${id}`, asked }),
    });
  }

  /**
   * Opens or makes the folder, and holds it. Rejects with StoreError `store_in_use`, `store_damaged` or
   * `store_unavailable`; the file stays as it is.
   */
  static async open(folder: string, changes: Partial<HostedStoreOptions> = {}): Promise<HostedStore> {
    const options = { ...HOSTED_STORE_DEFAULTS, ...changes };
    try {
      // What is said in a room is nobody else's business.
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw asStoreError(error, `${folder} cannot be made`);
    }
    // LMDB itself keeps two processes from damaging the file.
    const unlock = options.isGuest === true ? () => undefined : lockFolder(folder);
    let child: NativeChild<StoreWork> | undefined;
    try {
      await checkDataFile(dataFile(folder));
      child = start(folder, options);
      await child.loaded;
      return new HostedStore(folder, options, child, unlock);
    } catch (error) {
      await child?.close();
      unlock();
      throw openError(error, folder);
    }
  }

  /** Of the last process that was started; for tests and logs. */
  get pid(): number | undefined {
    return this.#host.pid;
  }

  async get(map: StoreMap, key: string): Promise<Uint8Array | undefined> {
    const [value] = await this.getMany(map, [key]);
    return value;
  }

  async getMany(map: StoreMap, keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read({ type: 'values', map, keys });
  }

  async entries(map: StoreMap, range: StoreRange): Promise<StoreEntry[]> {
    return this.#read({ type: 'entries', map, range });
  }

  async keys(map: StoreMap, range: StoreRange): Promise<string[]> {
    return this.#read({ type: 'keys', map, range });
  }

  async commit(changes: readonly StoreChange[], expect: readonly StoreExpectation[] = []): Promise<boolean> {
    const bytes = bytesOf(changes) + bytesOf(expect);
    return (await this.#commits.ask({ changes, expect }, bytes)) as boolean;
  }

  /** What was asked before is done first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#proving);
    // A process that is not there is not waited for.
    if (!this.#host.isUp) await this.#host.close();
    await Promise.all([this.#reads.idle(), this.#commits.idle()]);
    await this.#host.close();
    this.#unlock();
  }

  /** The answer to a read is of the type that belongs to it. */
  async #read<Answer extends StoreAnswer>(asked: StoreRead): Promise<Answer> {
    const names = asked.type === 'values' ? asked.keys.reduce((sum, key) => sum + key.length, 0) : 100;
    return (await this.#reads.ask(asked, names)) as Answer;
  }

  /** Rejects with StoreDeath or StoreError. */
  async #send(request: StoreRequest): Promise<readonly StoreAnswer[]> {
    const child = await this.#available();
    try {
      return await child.run(request, { name: request.type, timeoutMs: this.#options.requestTimeoutMs });
    } catch (error) {
      const isDeath = error instanceof ChildError && error.code !== 'closed';
      const isDamage = error instanceof RequestError && error.code === 'store_damaged';
      if (!isDeath && !isDamage) throw storeError(error);
      // The host hears of it first, and has another one on the way.
      await child.exited;
      await turn();
      const hint = this.#isGuest ? ` (${this.#file} may be damaged)` : '';
      throw new StoreDeath(`${messageOf(error)}${hint}`, { cause: error });
    }
  }

  /** The process, waited for as long as the file is trusted. */
  async #available(): Promise<NativeChild<StoreWork>> {
    const { signal } = this.#trust;
    try {
      if (this.#host.isUp) return await this.#host.child();
      signal.throwIfAborted();
      return await unlessAborted(this.#host.child(), signal);
    } catch (error) {
      throw storeError(error);
    }
  }

  #onEvent(event: HostEvent): void {
    const { deathsTrusted, healthyAfterMs, onEvent } = this.#options;
    clearTimeout(this.#proving);
    if (event.type === 'loaded') {
      onEvent?.({ type: 'restarted', pid: event.pid });
      this.#proving = setTimeout(() => this.#trustAgain(), healthyAfterMs).unref();
      return;
    }
    const restartInMs = event.type === 'died' ? event.restartInMs : 0;
    onEvent?.({ type: 'died', reason: event.reason, restartInMs });
    this.#deaths++;
    if (this.#deaths < deathsTrusted || this.#trust.signal.aborted) return;
    const reason = `The store's process died ${this.#deaths} times in a row (${event.reason}). If this continues, move ${this.#file} away to start with an empty one.`;
    this.#trust.abort(new StoreError('store_unavailable', reason));
    onEvent?.({ type: 'distrusted', reason });
  }

  #trustAgain(): void {
    this.#deaths = 0;
    if (!this.#trust.signal.aborted) return;
    this.#trust = new AbortController();
    this.#options.onEvent?.({ type: 'trusted' });
  }
}

function start(folder: string, options: ChildPatience): NativeChild<StoreWork> {
  return new NativeChild<StoreWork>({ ...options, name: 'the store', main: MAIN, load: { folder } });
}

function bytesOf(changes: readonly StoreChange[]): number {
  return changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}

/** What a request that no process died of was answered with, or that there is no process. */
function storeError(error: unknown): StoreError {
  if (error instanceof RequestError && error.code !== 'failed')
    return new StoreError(error.code as StoreErrorCode, error.message, { cause: error });
  return asStoreError(error, 'The store does not answer');
}

/** A process that ends while it opens a file dies of that file. */
function openError(error: unknown, folder: string): StoreError {
  if (!(error instanceof ChildError) || error.code !== 'crashed')
    return asStoreError(error, `${folder} cannot be used`);
  const message = `${dataFile(folder)} is damaged (${error.message}). Move it away to start with an empty one; its transcripts and jobs are lost.`;
  return new StoreError('store_damaged', message, { cause: error });
}
