// One process a data folder: an advisory lock of the kernel, which ends with the process however it ends.
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { StoreError } from '../store-error.js';

/** flock(2): exclusive, and without waiting. */
const LOCK_EX_NB = 2 | 4;

/** Holds the folder until it is called. Throws StoreError `store_in_use` or `store_unavailable`. */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'lock');
  let file: number;
  try {
    // Not truncated: the process that has it has written its id.
    file = openSync(path, 'a+');
  } catch (error) {
    const reason = (error as Error).message;
    throw new StoreError('store_unavailable', `${folder} cannot be written: ${reason}`, { cause: error });
  }
  if (!flock(file)) {
    const owner = readFileSync(path, 'utf8').trim();
    closeSync(file);
    throw new StoreError(
      'store_in_use',
      `${folder} is in use by another server${owner === '' ? '' : ` (process ${owner})`}: give this one a folder of its own (--data-dir), or none (--store none).`,
    );
  }
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`);
  return () => closeSync(file);
}

function flock(file: number): boolean {
  // Windows has no flock; LMDB itself keeps two processes from damaging the file.
  if (process.platform === 'win32') return true;
  const lock = koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  return lock(file, LOCK_EX_NB) === 0;
}
