// A real Redis of its own for a test, on a free port and without files; undefined where redis-server is not installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
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
  const port = await freePort();
  const child = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
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
