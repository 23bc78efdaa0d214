// Uploads in Redis, cut into pieces, so that a worker on any node can read them.
import { BLOB_NAME, type BlobStore } from '../blobs.js';
import { asStoreError, StoreError } from '../store-error.js';
import type { RedisConnection } from './connect-redis.js';
import { REDIS_PREFIX } from './redis-store.js';

/** Bytes of one piece. */
const PIECE_BYTES = 1_048_576;

export class RedisBlobs implements BlobStore {
  readonly #sizes: string;
  readonly #redis: RedisConnection;
  readonly #bytesMax: number;
  readonly #prefix: string;

  constructor(redis: RedisConnection, bytesMax: number, prefix = REDIS_PREFIX) {
    this.#redis = redis;
    this.#bytesMax = bytesMax;
    this.#prefix = prefix;
    this.#sizes = `${prefix}blobs`;
  }

  async write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    check(name);
    // Taken before it is written, so that nodes that write at the same time see each other.
    const isNew = await this.#ask(() => this.#redis.hsetnx(this.#sizes, name, 0));
    if (isNew === 0) throw new StoreError('store_unavailable', `There is an upload ${name} already.`);
    let written = 0;
    let index = 0;
    try {
      for await (const piece of pieces(bytes)) {
        await this.#ask(() => this.#redis.hincrby(this.#sizes, name, piece.length));
        written += piece.length;
        if ((await this.#bytes()) > this.#bytesMax) {
          throw new StoreError('store_full', 'There is no room for more uploads now.');
        }
        await this.#ask(() => this.#redis.set(this.#piece(name, index), piece));
        index++;
      }
      return written;
    } catch (error) {
      await this.#remove(name, index).catch(() => undefined);
      throw error;
    }
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    const size = await this.#ask(() => this.#redis.hget(this.#sizes, name));
    if (size === null) throw new StoreError('store_unavailable', `There is no upload ${name}.`);
    for (let index = 0, bytes = 0; bytes < Number(size); index++) {
      const piece = await this.#ask(() => this.#redis.getBuffer(this.#piece(name, index)));
      if (piece === null) throw new StoreError('store_unavailable', `A part of the upload ${name} is gone.`);
      bytes += piece.length;
      yield piece;
    }
  }

  async delete(name: string): Promise<void> {
    check(name);
    const size = await this.#ask(() => this.#redis.hget(this.#sizes, name));
    await this.#remove(name, Math.ceil(Number(size) / PIECE_BYTES));
  }

  names(): Promise<string[]> {
    return this.#ask(() => this.#redis.hkeys(this.#sizes));
  }

  #piece(name: string, index: number): string {
    return `${this.#prefix}blob:${name}:${index}`;
  }

  async #bytes(): Promise<number> {
    const sizes = await this.#ask(() => this.#redis.hvals(this.#sizes));
    return sizes.reduce((sum, bytes) => sum + Number(bytes), 0);
  }

  async #remove(name: string, pieceCount: number): Promise<void> {
    for (let index = 0; index <= pieceCount; index++) {
      await this.#ask(() => this.#redis.unlink(this.#piece(name, index)));
    }
    await this.#ask(() => this.#redis.hdel(this.#sizes, name));
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw asStoreError(error, 'Redis does not answer');
    }
  }
}

/** The same bytes in pieces of {@link PIECE_BYTES}, but for the last. */
async function* pieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE_BYTES - heldBytes);
      held.push(part);
      heldBytes += part.length;
      at += part.length;
      if (heldBytes < PIECE_BYTES) continue;
      yield Buffer.concat(held);
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0) yield Buffer.concat(held);
}

function check(name: string): void {
  if (!BLOB_NAME.test(name)) throw new RangeError(`"${name}" is not the name of a blob.`);
}
