// The store that several nodes share: each map is a hash and a sorted set of its keys in Redis.
import { createHash } from 'node:crypto';
import type {
  KeyValueStore,
  StoreChange,
  StoreEntry,
  StoreExpectation,
  StoreMap,
  StoreRange,
} from '../key-value-store.js';
import { asStoreError } from '../store-error.js';
import { connectRedis, type RedisConnection } from './connect-redis.js';
import { RedisChannels } from './redis-channels.js';
import { placeOf, redisAddress } from './redis-address.js';

/** All keys begin with it; the braces keep them in one slot of a cluster. */
export const REDIS_PREFIX = '{sotto}:';
/** How long one command may take, milliseconds: a store that does not answer is an error, not a wait. */
const COMMAND_TIMEOUT_MS = 5_000;

/**
 * KEYS[1]: the prefix. ARGV: how many expectations, then for each expectation and each change: map, key, whether there
 * is a value, the value. Answers 1, or 0 with nothing changed where an expectation does not hold.
 */
export const COMMIT_SCRIPT = `
local expectations = tonumber(ARGV[1])
local function rowAt(index)
  local at = 2 + index * 4
  return KEYS[1] .. ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1', ARGV[at + 3]
end
for index = 0, expectations - 1 do
  local map, key, hasValue, value = rowAt(index)
  local found = redis.call('HGET', map, key)
  if hasValue then
    if found ~= value then return 0 end
  elseif found then
    return 0
  end
end
for index = expectations, (#ARGV - 1) / 4 - 1 do
  local map, key, hasValue, value = rowAt(index)
  if hasValue then
    redis.call('HSET', map, key, value)
    redis.call('ZADD', map .. ':order', 0, key)
  else
    redis.call('HDEL', map, key)
    redis.call('ZREM', map .. ':order', key)
  end
end
return 1
`;

const COMMIT_SHA = createHash('sha1').update(COMMIT_SCRIPT).digest('hex');

export class RedisStore implements KeyValueStore {
  readonly kind = 'redis';
  readonly redis: RedisConnection;
  readonly channels: RedisChannels;
  readonly #prefix: string;
  #isClosed = false;

  private constructor(redis: RedisConnection, url: string, prefix: string) {
    this.redis = redis;
    this.channels = new RedisChannels(redis, url, prefix);
    this.#prefix = prefix;
  }

  /** Connects. Rejects with StoreError `store_unavailable`. */
  static async open(url: string, prefix = REDIS_PREFIX): Promise<RedisStore> {
    const redis = connectRedis(url, {
      lazyConnect: true,
      // Without a connection a command fails at once: nothing piles up.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // A peer that is gone without a word would else be waited for until TCP gives up, many minutes.
      socketTimeout: COMMAND_TIMEOUT_MS,
    });
    // Every command tells its own failure; without a listener a lost connection would end the process.
    redis.on('error', () => undefined);
    try {
      await redis.connect();
    } catch (error) {
      redis.disconnect();
      throw asStoreError(error, `Redis at ${placeOf(redisAddress(url))} cannot be reached`);
    }
    return new RedisStore(redis, url, prefix);
  }

  async get(map: StoreMap, key: string): Promise<Uint8Array | undefined> {
    return this.#ask(async () => (await this.redis.hgetBuffer(this.#hash(map), key)) ?? undefined);
  }

  async getMany(map: StoreMap, keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return [];
    const values = await this.#ask(() => this.redis.hmgetBuffer(this.#hash(map), ...keys));
    return values.map((value) => value ?? undefined);
  }

  async entries(map: StoreMap, range: StoreRange): Promise<StoreEntry[]> {
    const keys = await this.keys(map, range);
    const values = await this.getMany(map, keys);
    return keys.flatMap((key, index) => {
      const value = values[index];
      // Removed in between.
      return value === undefined ? [] : [{ key, value }];
    });
  }

  async keys(map: StoreMap, { from, to, reverse = false, limit }: StoreRange): Promise<string[]> {
    const order = `${this.#hash(map)}:order`;
    const [first, last] = [from === undefined ? (reverse ? '+' : '-') : `[${from}`, to === undefined ? '' : `(${to}`];
    return this.#ask(() =>
      reverse
        ? this.redis.zrevrangebylex(order, first, last || '-', 'LIMIT', 0, limit)
        : this.redis.zrangebylex(order, first, last || '+', 'LIMIT', 0, limit),
    );
  }

  async commit(changes: readonly StoreChange[], expect: readonly StoreExpectation[] = []): Promise<boolean> {
    const args = [
      expect.length,
      ...[...expect, ...changes].flatMap(({ map, key, value }) => argumentsOf(map, key, value)),
    ];
    return (await this.#ask(() => this.#run(args))) === 1;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.channels.close();
    await this.redis.quit().catch(() => this.redis.disconnect());
  }

  /** The script by its name, which Redis forgets when it restarts: then all of it, and Redis knows it again. */
  async #run(args: readonly (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(COMMIT_SHA, 1, this.#prefix, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.redis.eval(COMMIT_SCRIPT, 1, this.#prefix, ...args);
    }
  }

  #hash(map: StoreMap): string {
    return this.#prefix + map;
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw asStoreError(error, 'Redis does not answer');
    }
  }
}

function argumentsOf(map: StoreMap, key: string, value: Uint8Array | undefined): (string | Buffer)[] {
  return value === undefined ? [map, key, '0', ''] : [map, key, '1', Buffer.from(value)];
}
