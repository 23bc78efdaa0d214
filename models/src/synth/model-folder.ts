// The folder of a synthesised model: there is all of it or nothing.
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ModelError } from '../model-error.js';

/**
 * Makes a folder that `write` fills, under another name until it is whole.
 * @throws ModelError `nameTaken` where there is something already, an empty folder excepted; `fileMissing` where that cannot be seen
 */
export async function writeModelFolder(directory: string, write: (draft: string) => Promise<void>): Promise<void> {
  const target = resolve(directory);
  const found = await readdir(target).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    if (cause.code !== 'ENOTDIR') throw new ModelError('fileMissing', `${directory} cannot be read`, { cause });
    throw new ModelError('nameTaken', `${directory} is there already, and is no folder`, { cause });
  });
  if (found?.length) throw new ModelError('nameTaken', `${directory} is there already, and not empty`);
  const draft = `${target}.${process.pid}.new`;
  try {
    await mkdir(draft, { recursive: true });
    await write(draft);
    if (found) await rmdir(target);
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

export function writeJson(directory: string, file: string, content: object): Promise<void> {
  return writeFile(join(directory, file), `${JSON.stringify(content, null, 2)}\n`);
}
