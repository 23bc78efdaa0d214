// Opens what the settings ask for: LMDB and files in the data folder, or Redis.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BlobStore } from './blobs.js';
import type { KeyValueStore } from './key-value-store.js';
import { FileBlobs } from './lmdb/file-blobs.js';
import { LmdbStore } from './lmdb/lmdb-store.js';
import { RedisBlobs } from './redis/redis-blobs.js';
import { RedisStore } from './redis/redis-store.js';
import { StoreError } from './store-error.js';
import type { StoreHealth } from './store-health.js';

export interface StoreSettings {
  readonly store: 'auto' | 'lmdb' | 'redis' | 'none';
  readonly dataDir: string;
  readonly redisUrl: string;
  readonly uploadsBytesMax: number;
}

export interface OpenStore {
  readonly data: KeyValueStore;
  readonly blobs: BlobStore;
  /** Whether other processes use it at the same time. */
  readonly isShared: boolean;
}

/** Resolves with undefined where nothing is to be kept. Rejects with StoreError. */
export async function openStore(settings: StoreSettings): Promise<OpenStore | undefined> {
  const { store, redisUrl, uploadsBytesMax } = settings;
  if (store === 'none') return undefined;
  if (store === 'redis' || (store === 'auto' && redisUrl !== '')) {
    if (redisUrl === '')
      throw new StoreError('store_unavailable', '--store redis needs the address of one: --redis-url.');
    const data = await RedisStore.open(redisUrl);
    return { data, blobs: new RedisBlobs(data.redis, uploadsBytesMax), isShared: true };
  }
  const folder = dataFolder(settings.dataDir);
  const data = await LmdbStore.open(folder);
  try {
    return { data, blobs: await FileBlobs.open(join(folder, 'uploads'), uploadsBytesMax), isShared: false };
  } catch (error) {
    await data.close();
    throw error;
  }
}

/**
 * The same, but a data folder that cannot be used costs what would be kept, not the server: undefined, and the health says so. Rejects with StoreError
 * where that would hide a mistake: the folder is another server's, or Redis is not there.
 */
export async function openStoreOrDegrade(
  settings: StoreSettings,
  health: Pick<StoreHealth, 'failed'>,
): Promise<OpenStore | undefined> {
  try {
    return await openStore(settings);
  } catch (error) {
    const isRedis = settings.store === 'redis' || (settings.store === 'auto' && settings.redisUrl !== '');
    if (!(error instanceof StoreError) || error.code === 'store_in_use' || isRedis) throw error;
    health.failed(error);
    return undefined;
  }
}

/** Where the data of a server is, if not named: sotto/data in the user's data folder (XDG Base Directory Specification). */
export function dataFolder(dataDir: string, env: NodeJS.ProcessEnv = process.env): string {
  if (dataDir !== '') return resolve(dataDir);
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'sotto', 'data');
}
