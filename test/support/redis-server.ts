// A real Redis of its own for a test, on a free port and without files; undefined where redis-server is not installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { hasRedis, Redis } from '../../bench/src/server/redis.js';
import { freePort } from '../../bench/src/server/free-port.js';

export const HAS_REDIS = hasRedis();
/** The reason to skip a test, for tap's option `skip`. */
export const WITHOUT_REDIS = HAS_REDIS ? false : 'redis-server is not installed';

/** Runs until the test ends. */
export async function startRedis(t: Test): Promise<Redis> {
  const redis = await Redis.start();
  t.teardown(() => redis.kill());
  return redis;
}

/** One that is there again after a crash, at the same address, with what it had. */
export async function startLastingRedis(
  t: Test,
): Promise<Pick<Redis, 'url' | 'port' | 'pid' | 'kill'> & { restart(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-redis-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const flags = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'];
  let redis = await Redis.start(flags);
  t.teardown(() => redis.kill());
  const { port, url } = redis;
  return {
    port,
    url,
    get pid() {
      return redis.pid;
    },
    kill: () => redis.kill(),
    restart: async () => {
      redis = await Redis.start(flags, port);
    },
  };
}

/** A master, a replica and a Sentinel that promotes it, all until the test ends. */
export async function startSentinel(t: Test): Promise<{ url: string; master: Redis }> {
  const [master, port] = [await startRedis(t), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), 'sotto-redis-replica-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const replica = await Redis.start(['--replicaof', '127.0.0.1', `${master.port}`, '--dir', folder]);
  t.teardown(() => replica.kill());
  while (!(await master.ask('INFO', 'replication')).includes('state=online')) await delay(20);
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor voices 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds voices 500',
    'sentinel failover-timeout voices 5000',
  ];
  await writeFile(file, lines.join('\n'));
  const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  const exited = once(sentinel, 'exit');
  t.teardown(async () => {
    sentinel.kill('SIGKILL');
    await exited;
  });
  const knowsReplica = (): boolean => {
    const { stdout = '' } = spawnSync('redis-cli', ['-p', `${port}`, 'SENTINEL', 'replicas', 'voices'], {
      encoding: 'utf8',
    });
    return stdout.includes(`${replica.port}`);
  };
  while (!knowsReplica()) await delay(50);
  return { url: `redis+sentinel://127.0.0.1:${port}/voices`, master };
}

/** A cluster of three masters, until the test ends. */
export async function startCluster(t: Test): Promise<{ url: string; nodes: readonly Redis[] }> {
  const nodes: Redis[] = [];
  for (const name of ['a', 'b', 'c']) {
    const folder = await mkdtemp(join(tmpdir(), `sotto-redis-${name}-`));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const bus = ['--cluster-port', `${await freePort()}`];
    const redis = await Redis.start(['--cluster-enabled', 'yes', '--dir', folder, ...bus]);
    t.teardown(() => redis.kill());
    nodes.push(redis);
  }
  const places = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = spawnSync('redis-cli', ['--cluster', 'create', ...places, '--cluster-yes'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`redis-cli --cluster create: ${made.stdout}${made.stderr}`);
  for (const node of nodes) while (!(await node.ask('CLUSTER', 'INFO')).includes('state:ok')) await delay(50);
  return { url: `redis+cluster://${places.join(',')}`, nodes };
}
