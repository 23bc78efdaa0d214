// Opens keys and tokens of a server.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder, isRedis } from '../store/open-store.js';
import { StoreError } from '../store/store-error.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { Access, type KeyPolicy } from './access.js';
import { AccessError } from './access-error.js';
import { KeyRing } from './key-ring.js';
import { Tokens } from './tokens.js';

export interface OpenAccessOptions {
  readonly policy: KeyPolicy;
  /** Undefined: nothing is kept, or the store failed. */
  readonly store: KeyValueStore | undefined;
  /**
   * A file that says that keys were made, beside the data: so that a store that cannot be read does not open the server
   * to everybody. Undefined where the server does not start without its store.
   */
  readonly marker: string | undefined;
  /** Hears of a store that fails while keys are read: it is gone on without, where there is a marker. */
  readonly onFailed?: (error: StoreError) => void;
}

export interface OpenedAccess {
  readonly access: Access;
  /** Undefined without a store. */
  readonly ring: KeyRing | undefined;
  readonly tokens: Tokens;
  /** Looks for changes of keys about once a second; undefined without a store. */
  readonly tended: { tend(): Promise<void> } | undefined;
}

/**
 * Rejects with AccessError `keys_unavailable` where keys are demanded and cannot be kept, and, without a marker, with
 * StoreError.
 */
export async function openAccess(options: OpenAccessOptions): Promise<OpenedAccess> {
  try {
    return await open(options);
  } catch (error) {
    if (!(error instanceof StoreError) || options.marker === undefined) throw error;
    options.onFailed?.(error);
    return open({ ...options, store: undefined });
  }
}

async function open({ policy, store, marker }: OpenAccessOptions): Promise<OpenedAccess> {
  const hasLostKeys = store === undefined && marker !== undefined && existsSync(marker);
  if (policy === 'required' && store === undefined && marker === undefined) {
    throw new AccessError('keys_unavailable', 'Keys are demanded (--keys required) and kept nowhere (--store none).');
  }
  const ring = store && (await KeyRing.open(store));
  const tokens = await Tokens.open(store);
  const mark = (): void => {
    if (ring?.hasKeys === true && marker !== undefined) markKeys(marker);
  };
  mark();
  const tend = async (): Promise<void> => {
    await ring?.refresh();
    mark();
  };
  const access = new Access({ policy, ring, tokens, hasLostKeys });
  return { access, ring, tokens, tended: ring && { tend } };
}

/** Where that file is; undefined where what is kept is in Redis. */
export function keysMarker(settings: Parameters<typeof isRedis>[0] & { readonly dataDir: string }): string | undefined {
  return isRedis(settings) ? undefined : join(dataFolder(settings.dataDir), 'keys-made');
}

/** Writes the file that says that keys were made. */
export function markKeys(marker: string): void {
  if (!existsSync(marker)) writeFileSync(marker, 'This server has API keys: see `sotto keys list`.\n', { mode: 0o600 });
}
