// The smallest shape of a database that everything kept is built on: ordered maps and atomic commits. LMDB and Redis
// both show it.

/** The maps of the store. A map exists without being made. */
export const STORE_MAPS = [
  'transcripts',
  'transcriptsByTime',
  'segments',
  'postings',
  'jobs',
  'jobsByTime',
  'jobQueue',
  'deliveries',
  'results',
  'resultsByTime',
  'uploads',
  'checkpoints',
  'checkpointOwners',
  'keys',
  'meta',
] as const;

export type StoreMap = (typeof STORE_MAPS)[number];

/** Bytes of a key in UTF-8: the bound of LMDB is 1,978, less what others may need. */
export const KEY_BYTES_MAX = 512;

export interface StoreEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface StoreRange {
  /** First key, itself included; in `reverse` the last. */
  readonly from?: string;
  /** Keys before this one, itself not included; in `reverse` keys behind it. */
  readonly to?: string;
  readonly reverse?: boolean;
  readonly limit: number;
}

/** Sets a value, or removes the key. */
export interface StoreChange {
  readonly map: StoreMap;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** What a key must hold for a commit to happen; undefined: nothing. */
export type StoreExpectation = StoreChange;

/** Changes that happen all, or none of them. */
export interface StoreCommit {
  readonly changes: readonly StoreChange[];
  readonly expect: readonly StoreExpectation[];
}

export interface KeyValueStore {
  readonly kind: 'lmdb' | 'redis';
  /** All methods reject with StoreError `store_unavailable` when the database cannot be reached or written. */
  get(map: StoreMap, key: string): Promise<Uint8Array | undefined>;
  /** Values in the order of the keys asked for. */
  getMany(map: StoreMap, keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** Entries by key, in the order of its UTF-8 bytes. */
  entries(map: StoreMap, range: StoreRange): Promise<StoreEntry[]>;
  /** As {@link entries}, without the values. */
  keys(map: StoreMap, range: StoreRange): Promise<string[]>;
  /**
   * All changes or none. Resolves when they would survive the process; false, with nothing changed, where an
   * expectation does not hold. Commits of one process take effect in the order of their calls.
   */
  commit(changes: readonly StoreChange[], expect?: readonly StoreExpectation[]): Promise<boolean>;
  /** What was committed is kept. May be called twice. */
  close(): Promise<void>;
}

/** The range of all keys that begin with `prefix`. */
export function withPrefix(prefix: string, limit: number, reverse = false): StoreRange {
  // No code point is larger, and none of our keys has it.
  const end = `${prefix}\u{10ffff}`;
  return reverse ? { from: end, to: prefix, reverse, limit } : { from: prefix, to: end, limit };
}
