// Uploads as files in a folder.
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOB_NAME, RoomForBlobs, type BlobStore } from '../blobs.js';
import { asStoreError, StoreError } from '../store-error.js';

export class FileBlobs implements BlobStore {
  readonly #folder: string;
  readonly #room: RoomForBlobs;

  private constructor(folder: string, room: RoomForBlobs) {
    this.#folder = folder;
    this.#room = room;
  }

  /** Makes the folder. Rejects with StoreError `store_unavailable`. */
  static async open(folder: string, bytesMax: number): Promise<FileBlobs> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      let bytes = 0;
      for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
      return new FileBlobs(folder, new RoomForBlobs(bytesMax, bytes));
    } catch (error) {
      throw asStoreError(error, `${folder} cannot be used`);
    }
  }

  async write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const path = this.#path(name);
    let written = 0;
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        for await (const piece of bytes) {
          if (!this.#room.take(piece.length))
            throw new StoreError('store_full', 'There is no room for more uploads now.');
          written += piece.length;
          await file.writeFile(piece);
        }
      } finally {
        await file.close();
      }
      return written;
    } catch (error) {
      this.#room.give(written);
      await rm(path, { force: true });
      throw isSystemError(error) ? asStoreError(error, 'The upload cannot be written') : error;
    }
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* createReadStream(this.#path(name)) as AsyncIterable<Buffer>;
    } catch (error) {
      throw asStoreError(error, 'The upload cannot be read');
    }
  }

  async delete(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      const { size } = await stat(path);
      await rm(path);
      this.#room.give(size);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw asStoreError(error, 'The upload cannot be deleted');
    }
  }

  async names(): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => BLOB_NAME.test(name));
  }

  #path(name: string): string {
    if (!BLOB_NAME.test(name)) throw new RangeError(`"${name}" is not the name of a blob.`);
    return join(this.#folder, name);
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
