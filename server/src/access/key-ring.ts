// The keys of a server: in memory to be looked up at once, in the store to last; other processes may change them there.
import { randomBytes } from 'node:crypto';
import { withPrefix, type KeyValueStore, type StoreChange } from '../store/key-value-store.js';
import { Records } from '../store/records.js';
import { AccessError } from './access-error.js';
import { isSecretOf, makeKey, parseKey, type KeyRecord, type KeyWish } from './api-key.js';
import type { KeySettings } from './key-settings.js';

/** Keys that are kept, revoked ones among them. */
export const KEYS_MAX = 10_000;
/** Changes with every change of a key. */
const REVISION = 'keysRevision';

/** Methods that return promises reject with StoreError where the store fails. */
export class KeyRing {
  readonly #store: KeyValueStore;
  readonly #records: Records<KeyRecord>;
  readonly #wallNow: () => number;
  #keys: ReadonlyMap<string, KeyRecord> = new Map();
  #revision = '';

  private constructor(store: KeyValueStore, wallNow: () => number) {
    this.#store = store;
    this.#records = new Records(store, 'keys');
    this.#wallNow = wallNow;
  }

  static async open(store: KeyValueStore, wallNow: () => number = Date.now): Promise<KeyRing> {
    const ring = new KeyRing(store, wallNow);
    await ring.refresh();
    return ring;
  }

  /** Whether a key was ever made. */
  get hasKeys(): boolean {
    return this.#keys.size > 0;
  }

  /** The key of this text, unless it is none or was revoked. */
  find(text: string): KeyRecord | undefined {
    const { id = '', secret = '' } = parseKey(text) ?? {};
    const record = this.#keys.get(id);
    return record !== undefined && record.revokedAt === undefined && isSecretOf(record, secret) ? record : undefined;
  }

  /** The key of this id, unless there is none or it was revoked. */
  get(id: string): KeyRecord | undefined {
    const record = this.#keys.get(id);
    return record?.revokedAt === undefined ? record : undefined;
  }

  /** What the key of this id demands, revoked or not: jobs may outlive it. */
  demandsOf(id: string): KeySettings | undefined {
    return this.#keys.get(id)?.settings;
  }

  /** The oldest first, with those that were revoked. */
  list(): KeyRecord[] {
    return [...this.#keys.values()].toSorted((a, b) => a.createdAt - b.createdAt);
  }

  /** Makes a key; its text is never to be had again. Rejects with AccessError `keys_full`. */
  async create(wanted: KeyWish): Promise<{ record: KeyRecord; text: string }> {
    if (this.#keys.size >= KEYS_MAX) {
      throw new AccessError('keys_full', `There are ${KEYS_MAX} keys, revoked ones among them: no more can be made.`);
    }
    const made = makeKey(wanted, this.#wallNow());
    await this.#store.commit([this.#records.change(made.record.id, made.record), newRevision()]);
    await this.refresh();
    return made;
  }

  /** Revokes a key, with all that it gave out; false: there is none, or it is revoked already. */
  async revoke(id: string): Promise<boolean> {
    const revoked = await this.#records.update(
      id,
      (record) => (record.revokedAt === undefined ? { ...record, revokedAt: this.#wallNow() } : undefined),
      () => [newRevision()],
    );
    await this.refresh();
    return revoked !== undefined;
  }

  /** Looks for changes that another process made: the command of the operator, another node. */
  async refresh(): Promise<void> {
    const revision = Buffer.from((await this.#store.get('meta', REVISION)) ?? []).toString('hex');
    // Keys are never removed: a store without any is a new file in place of the one that they were read from, and must
    // not open the server to everybody.
    if (revision === this.#revision || (revision === '' && this.hasKeys)) return;
    const records = await this.#records.values(withPrefix('', 2 * KEYS_MAX));
    this.#keys = new Map(records.map((record) => [record.id, record]));
    this.#revision = revision;
  }
}

function newRevision(): StoreChange {
  return { map: 'meta', key: REVISION, value: randomBytes(8) };
}
