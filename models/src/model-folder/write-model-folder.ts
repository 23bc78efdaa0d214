// The folder of a model that is written: there is all of it or nothing.
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ModelError } from '../model-error.js';

/**
 * Makes a folder that `write` fills, under another name until it is whole.
 * @throws ModelError `name_taken` where there is something already, an empty folder excepted; `file_missing` where that
 * cannot be seen
 */
export async function writeModelFolder(directory: string, write: (draft: string) => Promise<void>): Promise<void> {
  const target = resolve(directory);
  const found = await readdir(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    if (cause.code !== 'ENOTDIR') throw new ModelError('file_missing', `${directory} cannot be read`, { cause });
    throw new ModelError('name_taken', `${directory} is there already, and is not a folder`, { cause });
  });
  if (found?.length) throw new ModelError('name_taken', `${directory} is there already, and not empty`);
  await removeAbandoned(target);
  const draft = draftOf(target, process.pid);
  try {
    await mkdir(draft, { recursive: true });
    await write(draft);
    if (found) await rmdir(target);
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Hidden, so that no list of models shows half of one. */
function draftOf(target: string, pid: number): string {
  return join(dirname(target), `.${basename(target)}.${pid}.new`);
}

/** Removes what a process that was killed left of this folder: it may be gigabytes. */
async function removeAbandoned(target: string): Promise<void> {
  const names = await readdir(dirname(target)).catch(() => []);
  for (const name of names) {
    const pid = Number(/\.(\d+)\.new$/.exec(name)?.[1]);
    if (name !== basename(draftOf(target, pid)) || isRunning(pid)) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be asked, but it is there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export function writeJson(directory: string, file: string, content: object): Promise<void> {
  return writeFile(join(directory, file), `${JSON.stringify(content, null, 2)}\n`);
}
