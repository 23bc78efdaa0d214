// A real Redis of its own for a test, on a free port and without files; undefined where redis-server is not installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export const HAS_REDIS = spawnSync('redis-server', ['--version']).status === 0;
/** The reason to skip a test, for tap's option `skip`. */
export const WITHOUT_REDIS = HAS_REDIS ? false : 'redis-server is not installed';

export interface TestRedis {
  readonly url: string;
  /** As a crash would. */
  kill(): Promise<void>;
}

/** Runs until the test ends. */
export async function startRedis(t: Test): Promise<TestRedis> {
  return run(t, await freePort(), ['--appendonly', 'no']);
}

/** One that is there again after a crash, at the same address, with what it had. */
export async function startLastingRedis(t: Test): Promise<TestRedis & { restart(): Promise<void> }> {
  const [port, folder] = [await freePort(), await mkdtemp(join(tmpdir(), 'sotto-redis-'))];
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const flags = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'];
  let redis = await run(t, port, flags);
  return {
    url: redis.url,
    kill: () => redis.kill(),
    restart: async () => {
      redis = await run(t, port, flags);
    },
  };
}

async function run(t: Test, port: number, flags: readonly string[]): Promise<TestRedis> {
  const child = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', ...flags]);
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(kill);
  let said = '';
  for await (const data of child.stdout) {
    said += String(data);
    if (said.includes('Ready to accept connections')) break;
  }
  if (child.exitCode !== null) throw new Error(`redis-server ended:\n${said}`);
  child.stdout.resume();
  return { url: `redis://127.0.0.1:${port}`, kill };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
