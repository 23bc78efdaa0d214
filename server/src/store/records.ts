// Records of one map as values of one type, in MessagePack.
import { Packr } from 'msgpackr';
import { messageOf } from '@sotto/protocol';
import type { KeyValueStore, StoreChange, StoreMap, StoreRange } from './key-value-store.js';
import { StoreError } from './store-error.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** What was written is trusted when it is read: only this server writes here. Bytes that are none is a StoreError. */
export class Records<T extends object> {
  readonly #store: KeyValueStore;
  readonly #map: StoreMap;

  constructor(store: KeyValueStore, map: StoreMap) {
    this.#store = store;
    this.#map = map;
  }

  async get(key: string): Promise<T | undefined> {
    return this.#read(await this.#store.get(this.#map, key));
  }

  async getMany(keys: readonly string[]): Promise<(T | undefined)[]> {
    return (await this.#store.getMany(this.#map, keys)).map((value) => this.#read(value));
  }

  async values(range: StoreRange): Promise<T[]> {
    return (await this.#store.entries(this.#map, range)).map(({ value }) => recordIn<T>(value));
  }

  /** The change that writes a record, or removes it. */
  change(key: string, record: T | undefined): StoreChange {
    return { map: this.#map, key, value: record === undefined ? undefined : packr.pack(record) };
  }

  /**
   * Changes a record that others may change too: `change` is called again where somebody was faster. The record as it
   * is then; undefined where there is none, or where `change` returns undefined, which leaves it as it is.
   */
  async update(key: string, change: (record: T) => T | undefined, also: (record: T) => StoreChange[] = () => []) {
    for (;;) {
      const before = await this.#store.get(this.#map, key);
      if (before === undefined) return undefined;
      const after = change(recordIn<T>(before));
      if (after === undefined) return undefined;
      const changes = [this.change(key, after), ...also(after)];
      if (await this.#store.commit(changes, [{ map: this.#map, key, value: before }])) return after;
    }
  }

  #read(value: Uint8Array | undefined): T | undefined {
    return value === undefined ? undefined : recordIn<T>(value);
  }
}

/** Throws StoreError `store_damaged`: a page that was overwritten may hold anything. */
function recordIn<T extends object>(value: Uint8Array): T {
  let record: unknown;
  try {
    record = packr.unpack(value);
  } catch (error) {
    throw new StoreError('store_damaged', `A record cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (typeof record !== 'object' || record === null) throw new StoreError('store_damaged', 'A record cannot be read.');
  return record as T;
}
