// A real server whose clock a test sets, and whose event loop it holds.
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ServerProcess } from './server-process.js';

const FAULTS = fileURLToPath(new URL('faults.mjs', import.meta.url));

export interface FaultyServer {
  readonly server: ServerProcess;
  /** Sets its wall clock forward, or back. Resolves when that has happened. */
  jumpClock(ms: number): Promise<void>;
  /** Its event loop does nothing for so long. Resolves when that has begun. */
  holdLoop(ms: number): Promise<void>;
}

export async function startFaultyServer(t: Test, flags: readonly string[]): Promise<FaultyServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-faults-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'fault.json');
  const server = await ServerProcess.start(t, flags, {
    NODE_OPTIONS: `--import=${FAULTS}`,
    SOTTO_TEST_FAULT: file,
  });
  const inject = async (fault: object): Promise<void> => {
    writeFileSync(file, JSON.stringify(fault));
    server.kill('SIGUSR2');
    while (!existsSync(`${file}.done`)) await delay(5);
    await rm(`${file}.done`);
  };
  return {
    server,
    jumpClock: (jumpMs) => inject({ jumpMs }),
    holdLoop: (holdMs) => inject({ holdMs }),
  };
}
