// The embedded store: one LMDB file in a data folder. A damaged file can end the process that reads it: the server has
// it in one of its own (`hosted-store.ts`).
import { mkdir } from 'node:fs/promises';
import { open, type Database, type RootDatabase } from 'lmdb';
import type {
  KeyValueStore,
  StoreChange,
  StoreCommit,
  StoreEntry,
  StoreExpectation,
  StoreMap,
  StoreRange,
} from '../key-value-store.js';
import { STORE_MAPS } from '../key-value-store.js';
import { asStoreError, StoreError } from '../store-error.js';
import { checkDataFile, dataFile } from './data-file.js';
import { lockFolder } from './folder-lock.js';

const ENCODING = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** The key of the receipt of the last {@link LmdbStore.commitOnce}, in a map of its own. */
const LAST_RECEIPT = Buffer.from('last');

type ByteMap = Database<Buffer, Buffer>;

export class LmdbStore implements KeyValueStore {
  readonly kind = 'lmdb';
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #maps: ReadonlyMap<StoreMap, ByteMap>;
  readonly #receipts: ByteMap;
  readonly #unlock: () => void;
  #isClosed = false;

  private constructor(root: RootDatabase<Buffer, Buffer>, unlock: () => void) {
    this.#root = root;
    this.#unlock = unlock;
    this.#receipts = root.openDB<Buffer, Buffer>({ name: 'receipts', ...ENCODING });
    this.#maps = new Map(STORE_MAPS.map((name) => [name, root.openDB<Buffer, Buffer>({ name, ...ENCODING })]));
  }

  /**
   * Opens or makes the folder, and holds it; a guest does not hold it and may come while a server does: a command that
   * reads or changes a few records. Rejects with StoreError `store_in_use`, `store_damaged` or `store_unavailable`.
   */
  static async open(folder: string, { isGuest = false }: { isGuest?: boolean } = {}): Promise<LmdbStore> {
    try {
      // What is said in a room is nobody else's business.
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw asStoreError(error, `${folder} cannot be made`);
    }
    // LMDB itself keeps two processes from damaging the file.
    const unlock = isGuest ? () => undefined : lockFolder(folder);
    try {
      const path = dataFile(folder);
      await checkDataFile(path);
      // Batches by turns of the event loop have a promise of their own that nobody can hear: it would fail with the
      // commit and end the process.
      const root = open<Buffer, Buffer>({ path, maxDbs: STORE_MAPS.length + 1, eventTurnBatching: false, ...ENCODING });
      return new LmdbStore(root, unlock);
    } catch (error) {
      unlock();
      throw asStoreError(error, `${folder} cannot be used`);
    }
  }

  async get(map: StoreMap, key: string): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#value(map, key));
  }

  async getMany(map: StoreMap, keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read(() => keys.map((key) => this.#value(map, key)));
  }

  async entries(map: StoreMap, range: StoreRange): Promise<StoreEntry[]> {
    return this.#read(() =>
      [...this.#map(map).getRange(rangeOf(range))].map(({ key, value }) => ({ key: key.toString(), value })),
    );
  }

  async keys(map: StoreMap, range: StoreRange): Promise<string[]> {
    return this.#read(() => [...this.#map(map).getKeys(rangeOf(range))].map((key) => key.toString()));
  }

  async commit(changes: readonly StoreChange[], expect: readonly StoreExpectation[] = []): Promise<boolean> {
    const [isDone = false] = await this.#transaction(() => [this.#applyAll({ changes, expect })]);
    return isDone;
  }

  /**
   * Several commits in one transaction, in their order; each happens whole or not at all, as {@link commit} has it.
   * Asked again with the receipt of the last call, it answers what it answered then and changes nothing: for somebody
   * who does not know what became of that call.
   */
  async commitOnce(receipt: string, commits: readonly StoreCommit[]): Promise<boolean[]> {
    return this.#transaction(() => {
      const [before, outcomes = ''] = this.#receipts.getBinary(LAST_RECEIPT)?.toString().split(' ') ?? [];
      if (before === receipt) return [...outcomes].map((outcome) => outcome === '1');
      const done = commits.map((commit) => this.#applyAll(commit));
      void this.#receipts.put(LAST_RECEIPT, Buffer.from(`${receipt} ${done.map(Number).join('')}`));
      return done;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#root.close();
    this.#unlock();
  }

  #map(name: StoreMap): ByteMap {
    return this.#maps.get(name) as ByteMap;
  }

  #value(map: StoreMap, key: string): Buffer | undefined {
    return this.#map(map).getBinary(Buffer.from(key));
  }

  async #transaction(work: () => boolean[]): Promise<boolean[]> {
    try {
      return await this.#root.transaction(work);
    } catch (error) {
      hearOf(error);
      throw lmdbError(error, 'The data folder cannot be written (is the disk full?)');
    }
  }

  #applyAll({ changes, expect }: StoreCommit): boolean {
    const holds = expect.every(({ map, key, value }) => isSame(this.#value(map, key), value));
    if (holds) for (const change of changes) this.#apply(change);
    return holds;
  }

  #apply({ map, key, value }: StoreChange): void {
    // Within the transaction: done when it is.
    if (value === undefined) void this.#map(map).remove(Buffer.from(key));
    else void this.#map(map).put(Buffer.from(key), Buffer.from(value));
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw lmdbError(error, 'The data folder cannot be read');
    }
  }
}

/** What LMDB says of pages that are not what it wrote; the file cannot be trusted any more. */
const DAMAGE = /MDB_(CORRUPTED|PAGE_NOTFOUND|PANIC|INVALID)/;

function lmdbError(error: unknown, what: string): StoreError {
  const failure = asStoreError(error, what);
  return DAMAGE.test(failure.message) ? new StoreError('store_damaged', failure.message, { cause: error }) : failure;
}

/** The errors of lmdb-js carry a promise that rejects with the cause: it must be heard by somebody. */
function hearOf(failure: unknown): void {
  if (!(failure instanceof Error) || !('commitError' in failure)) return;
  if (failure.commitError instanceof Promise) failure.commitError.catch(() => undefined);
}

function rangeOf({ from, to, reverse = false, limit }: StoreRange) {
  return {
    ...(from !== undefined && { start: Buffer.from(from) }),
    ...(to !== undefined && { end: Buffer.from(to) }),
    reverse,
    limit,
  };
}

function isSame(value: Uint8Array | undefined, wanted: Uint8Array | undefined): boolean {
  if (value === undefined || wanted === undefined) return value === wanted;
  return Buffer.compare(value, wanted) === 0;
}
