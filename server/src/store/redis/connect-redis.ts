// A connection to Redis, whatever kind of Redis it is.
import { Cluster, Redis } from 'ioredis';
import { redisAddress } from './redis-address.js';

/** How long Sentinels and nodes of a cluster may take to answer a new connection, milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;
/** A connection on which nothing comes for so long is asked whether its other end is there, milliseconds. */
const KEEP_ALIVE_MS = 10_000;
/** Longest wait between two tries to connect again, milliseconds. */
const RECONNECT_MS_MAX = 2_000;

export type RedisConnection = Redis | Cluster;

export interface RedisConnectionOptions {
  readonly enableOfflineQueue?: boolean;
  readonly maxRetriesPerRequest?: number | null;
  readonly commandTimeout?: number;
  /** How long nothing may come while an answer is due, milliseconds: then the connection is made anew. */
  readonly socketTimeout?: number;
  readonly lazyConnect?: boolean;
}

/** Connects in the background, and again when the connection is lost. @throws StoreError where the URL is wrong */
export function connectRedis(url: string, options: RedisConnectionOptions): RedisConnection {
  const { kind, hosts, master, username, password, database, isEncrypted } = redisAddress(url);
  const { lazyConnect = false, enableOfflineQueue = true, ...perCommand } = options;
  const each = {
    ...perCommand,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isEncrypted && { tls: {} }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
  };
  const here = { lazyConnect, enableOfflineQueue };
  switch (kind) {
    case 'single':
      return new Redis({ ...each, ...here, ...hosts[0], db: database, retryStrategy: retry });
    case 'sentinel':
      return new Redis({
        ...each,
        ...here,
        sentinels: [...hosts],
        name: master,
        db: database,
        ...(password !== undefined && { sentinelPassword: password }),
        ...(username !== undefined && { sentinelUsername: username }),
        ...(isEncrypted && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
        retryStrategy: retry,
        sentinelRetryStrategy: retry,
        // One that was the master a moment ago: the Sentinels are asked again.
        reconnectOnError: ({ message }) => message.startsWith('READONLY'),
      });
    case 'cluster':
      return new Cluster([...hosts], { ...here, redisOptions: each, clusterRetryStrategy: retry });
  }
}

/** Milliseconds until the next try. */
function retry(tries: number): number {
  return Math.min(tries * 100, RECONNECT_MS_MAX);
}
