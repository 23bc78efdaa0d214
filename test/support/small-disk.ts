// A small disk of a test's own, which a test fills and makes room on: the system's "no space left" is the real one.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { testFolder } from './test-folder.js';

/** Only a process of its own sees it, so that it goes with that process: others reach it through /proc. */
const IN_A_NAMESPACE = ['--map-root-user', '--mount', 'sh', '-c'];
const MOUNT = 'mount -t tmpfs -o size="$1" none "$0"';

/** The reason to skip a test, for tap's option `skip`. */
export const WITHOUT_SMALL_DISK =
  spawnSync('unshare', [...IN_A_NAMESPACE, `${MOUNT} && test -d /proc/$$/root"$0"`, '/tmp', '1m']).status === 0
    ? false
    : 'this machine does not let a test mount a disk';

export interface SmallDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): void;
  /** Gives back what {@link fill} took. */
  free(): void;
}

/** It is there until the test ends. */
export async function startSmallDisk(t: Test, bytes: number): Promise<SmallDisk> {
  const place = testFolder(t);
  const holder = spawn('unshare', [...IN_A_NAMESPACE, `${MOUNT} && echo there && exec cat`, place, `${bytes}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  t.teardown(async () => {
    holder.kill('SIGKILL');
    await ended;
  });
  if ((await Promise.race([once(holder.stdout, 'data'), ended])).length !== 1) throw new Error('no disk was mounted');
  const folder = `/proc/${holder.pid}/root${place}`;
  const filler = join(folder, 'filler');
  return {
    folder,
    fill: () => {
      const file = openSync(filler, 'a');
      try {
        // A page at a time: the last one has no room.
        for (;;) writeSync(file, Buffer.alloc(4_096));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
  };
}
