// Opens what the settings ask for: LMDB and files in the data folder, or Redis.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { BlobStore } from './blobs.js';
import type { KeyValueStore } from './key-value-store.js';
import { FileBlobs } from './lmdb/file-blobs.js';
import { HostedStore, type StoreProcessEvent } from './lmdb/hosted-store.js';
import type { RedisChannels } from './redis/redis-channels.js';
import type { RedisStore } from './redis/redis-store.js';
import { StoreError } from './store-error.js';
import type { StoreHealth } from './store-health.js';

export interface StoreSettings {
  readonly store: 'auto' | 'lmdb' | 'redis' | 'none';
  readonly dataDir: string;
  readonly redisUrl: string;
  readonly uploadsBytesMax: number;
}

export interface StoreHandle {
  readonly data: KeyValueStore;
  readonly blobs: BlobStore;
  /** Whether other processes use it at the same time. */
  readonly isShared: boolean;
  /** What they hear of each other at once; absent where there are none. */
  readonly channels?: RedisChannels;
}

/**
 * The records alone, for a command, also while a server has them. Resolves with undefined where nothing is to be kept.
 * Rejects with StoreError.
 */
export async function openRecords(
  settings: Omit<StoreSettings, 'uploadsBytesMax'>,
): Promise<KeyValueStore | undefined> {
  if (settings.store === 'none') return undefined;
  return isRedis(settings)
    ? openRedis(settings.redisUrl)
    : HostedStore.open(dataFolder(settings.dataDir), { isGuest: true });
}

/**
 * Resolves with undefined where nothing is to be kept. Rejects with StoreError.
 *
 * @param onEvent hears of the process that has the data file, where there is one
 */
export async function openStore(
  settings: StoreSettings,
  onEvent: (event: StoreProcessEvent) => void = () => undefined,
): Promise<StoreHandle | undefined> {
  const { store, redisUrl, uploadsBytesMax } = settings;
  if (store === 'none') return undefined;
  if (isRedis(settings)) {
    const data = await openRedis(redisUrl);
    const { RedisBlobs } = await import('./redis/redis-blobs.js');
    const blobs = new RedisBlobs(data.redis, uploadsBytesMax);
    return { data, blobs, isShared: true, channels: data.channels };
  }
  const folder = dataFolder(settings.dataDir);
  const data = await HostedStore.open(folder, { onEvent });
  try {
    return { data, blobs: await FileBlobs.open(join(folder, 'uploads'), uploadsBytesMax), isShared: false };
  } catch (error) {
    await data.close();
    throw error;
  }
}

/**
 * The same, but a data folder that cannot be used costs what would be kept, not the server: undefined, and the health
 * says so. Rejects with StoreError where that would hide a mistake: the folder is another server's, or Redis is not
 * there.
 */
export async function openStoreOrDegrade(
  settings: StoreSettings,
  health: Pick<StoreHealth, 'failed' | 'onProcess'>,
): Promise<StoreHandle | undefined> {
  try {
    return await openStore(settings, (event) => health.onProcess(event));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'store_in_use' || isRedis(settings)) throw error;
    health.failed(error);
    return undefined;
  }
}

/** Whether what is kept is in Redis; else it is in the data folder, if anywhere. */
export function isRedis({ store, redisUrl }: Pick<StoreSettings, 'store' | 'redisUrl'>): boolean {
  return store === 'redis' || (store === 'auto' && redisUrl !== '');
}

async function openRedis(redisUrl: string): Promise<RedisStore> {
  if (redisUrl === '')
    throw new StoreError('store_unavailable', '--store redis needs the address of one: --redis-url.');
  // Loaded only where there is one: most servers have none.
  const { RedisStore: Store } = await import('./redis/redis-store.js');
  return Store.open(redisUrl);
}

/**
 * Where the data of a server is, if not named: sotto/data in the user's data folder (XDG Base Directory Specification).
 */
export function dataFolder(dataDir: string, env: NodeJS.ProcessEnv = process.env): string {
  if (dataDir !== '') return resolve(dataDir);
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'sotto', 'data');
}
