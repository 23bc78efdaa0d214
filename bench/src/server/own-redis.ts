// A Redis for a server of several processes, which share it.
import { BenchError } from '../bench-error.js';
import { hasRedis, Redis } from './redis.js';

/** A Redis, and the flags by which a server finds it. */
export type OwnRedis = Redis & { readonly flags: readonly string[] };

/**
 * One of the bench's own where flags ask for several processes and name no Redis; the caller ends it.
 * @throws BenchError `usage` where there is none to start
 */
export async function redisFor(flags: readonly string[]): Promise<OwnRedis | undefined> {
  if (processesIn(flags) === 1 || flags.some((flag) => flag.startsWith('--redis-url'))) return undefined;
  if (!hasRedis()) throw new BenchError('usage', 'redis-server is not installed: name a Redis with --redis-url.');
  const redis = await Redis.start();
  return Object.assign(redis, { flags: ['--store', 'redis', '--redis-url', redis.url] });
}

/** Server processes that flags ask for. */
export function processesIn(flags: readonly string[]): number {
  const at = flags.findLastIndex((flag) => /^--processes(=|$)/.test(flag));
  return at < 0 ? 1 : Number(flags[at]?.split('=')[1] ?? flags[at + 1]);
}
