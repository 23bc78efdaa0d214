// The bytes of a file that can be read from any place, and again: on disk, or spooled there from an upload.
import { open, rm, type FileHandle, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Bytes read at a time. */
const PIECE_BYTES = 65_536;

/** Iterating reads everything from the beginning. */
export interface StoredBytes extends AsyncIterable<Uint8Array> {
  readonly size: number;
  /** The bytes from `position` on: `length` of them, or fewer at the end. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function isStored(bytes: AsyncIterable<Uint8Array>): bytes is StoredBytes {
  return 'read' in bytes && 'size' in bytes;
}

/** The bytes from `start` up to `end`, or the end of the file. */
export async function* partOf(
  file: StoredBytes,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = start; at < end;) {
    const piece = await file.read(at, Math.min(PIECE_BYTES, end - at));
    if (piece.length === 0) return;
    yield piece;
    at += piece.length;
  }
}

/** A file on disk. Rejects with the error of the file system. */
export async function openStoredFile(path: string): Promise<StoredBytes> {
  const file = await open(path);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
    return new FileBytes(file, stats.size, []);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes in memory. */
export function storedInMemory(bytes: Uint8Array): StoredBytes {
  return {
    size: bytes.length,
    read: async (position, length) => bytes.subarray(position, position + length),
    close: async () => {},
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
    },
  };
}

/**
 * Writes a stream to a file of its own in the system's temporary folder. It has no name there any more once it is open
 * (where the system allows that), so that nothing stays behind even when the process dies. Rejects with what the stream
 * throws.
 */
export async function spool(bytes: AsyncIterable<Uint8Array>): Promise<StoredBytes> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-'));
  const path = join(folder, 'upload');
  const file = await open(path, 'w+');
  const isGone = await rm(folder, { recursive: true, force: true }).then(
    () => true,
    () => false,
  );
  const leftovers = isGone ? [] : [folder];
  const stored = (size: number): FileBytes => new FileBytes(file, size, leftovers);
  let size = 0;
  try {
    for await (const piece of bytes) {
      await file.write(piece, 0, piece.length, size);
      size += piece.length;
    }
    return stored(size);
  } catch (error) {
    await stored(size).close();
    throw error;
  }
}

class FileBytes implements StoredBytes {
  #closed: Promise<void> | undefined;
  readonly #file: FileHandle;
  readonly size: number;
  /** To be removed with it. */
  readonly #leftovers: readonly string[];

  constructor(file: FileHandle, size: number, leftovers: readonly string[]) {
    this.#file = file;
    this.size = size;
    this.#leftovers = leftovers;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.size - position));
    const bytes = new Uint8Array(wanted);
    const { bytesRead } = await this.#file.read(bytes, 0, wanted, position);
    return bytes.subarray(0, bytesRead);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return partOf(this, 0, this.size);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#file.close();
    for (const folder of this.#leftovers) await rm(folder, { recursive: true, force: true });
  }
}
