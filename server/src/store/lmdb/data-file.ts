// Looks at a data file before LMDB maps it into memory: a file that is cut off or not LMDB's at all would end the
// process with a signal.
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../store-error.js';

// The meta pages of the format that lmdb-js writes (struct MDB_meta behind the 24 bytes of a page header).
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const HEADER_BYTES = 24;
const AT = { magic: 0, version: 4, pageBytes: 24, lastPage: 120, transaction: 128 } as const;
const META_BYTES = HEADER_BYTES + 136;
const PAGE_BYTES_MAX = 65_536;

/** Where the data of a folder is. */
export function dataFile(folder: string): string {
  return join(folder, 'data.mdb');
}

/**
 * Resolves if the file may be opened; it may be absent or empty. Rejects with StoreError `store_damaged` or
 * `store_unavailable`.
 */
export async function checkDataFile(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new StoreError('store_unavailable', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const first = await metaAt(file, 0);
    const second = first === undefined ? undefined : await metaAt(file, first.pageBytes);
    if (first === undefined || second === undefined) throw damaged(path, 'it is not a data file of Sotto');
    const newest = second.transaction > first.transaction ? second : first;
    if ((newest.lastPage + 1n) * BigInt(newest.pageBytes) > BigInt(size)) throw damaged(path, 'its end is missing');
  } finally {
    await file.close();
  }
}

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

async function metaAt(file: FileHandle, position: number): Promise<Meta | undefined> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(META_BYTES), 0, META_BYTES, position);
  if (bytesRead < META_BYTES) return undefined;
  const meta = buffer.subarray(HEADER_BYTES);
  if (meta.readUInt32LE(AT.magic) !== MAGIC || meta.readUInt32LE(AT.version) !== VERSION) return undefined;
  const pageBytes = meta.readUInt32LE(AT.pageBytes);
  if (pageBytes === 0 || pageBytes > PAGE_BYTES_MAX) return undefined;
  const lastPage = meta.readBigUInt64LE(AT.lastPage);
  const transaction = meta.readBigUInt64LE(AT.transaction);
  return { pageBytes, lastPage, transaction };
}

function damaged(path: string, why: string): StoreError {
  return new StoreError(
    'store_damaged',
    `${path} is damaged (${why}). Move it away to start with an empty one; its transcripts and jobs are lost.`,
  );
}
