// Uploaded audio of jobs, until their jobs are over.

/** Names of blobs: ids of jobs. */
export const BLOB_NAME = /^[\w-]{1,64}$/;

export interface BlobStore {
  /**
   * Keeps the bytes under a name, piece by piece. What fails or is cut off leaves nothing. Resolves with their number.
   * Rejects with StoreError `store_full` where there is no room for them, `store_unavailable`, or what reading the
   * bytes throws.
   */
  write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<number>;
  /** The bytes from the beginning. Iterating throws StoreError `store_unavailable` where there is no such blob. */
  read(name: string): AsyncIterable<Uint8Array>;
  /** Forgets the bytes. There need be none. */
  delete(name: string): Promise<void>;
  names(): Promise<string[]>;
}

/** The bound of all blobs together, shared by the implementations. */
export class RoomForBlobs {
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number, initialBytes = 0) {
    this.#bytesMax = bytesMax;
    this.#bytes = initialBytes;
  }

  /** Whether there was room, which is taken then. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
