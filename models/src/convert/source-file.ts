// A file of a model that is read piece by piece: never past its end, never more in memory than was asked for.
import { open, type FileHandle } from 'node:fs/promises';
import { ModelError } from '../model-error.js';

/** Bytes of a piece of weights. A multiple of every row, block and element that is cut from one. */
export const PIECE_BYTES = 4 * 1024 * 1024;
/** What a cursor reads ahead: headers are short, and there are thousands of them. */
const WINDOW_BYTES = 64 * 1024;

export class SourceFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly #handle: FileHandle;

  /** @throws ModelError `file_missing` */
  static async open(path: string): Promise<SourceFile> {
    const handle = await open(path).catch((cause: unknown) => {
      throw new ModelError('file_missing', `${path} cannot be read`, { cause });
    });
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw new ModelError('file_missing', `${path} is not a file`);
      return new SourceFile(path, facts.size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws ModelError `file_invalid` where the file ends before */
  async read(offset: number, length: number): Promise<Buffer> {
    if (!this.holds(offset, length)) throw this.cut();
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) throw this.cut();
      at += bytesRead;
    }
    return bytes;
  }

  /** Whether so many bytes are there at a place. */
  holds(offset: number, length: number): boolean {
    return offset >= 0 && length >= 0 && offset + length <= this.size;
  }

  /** The bytes at a place, in pieces of `pieceBytes`. */
  async *pieces(offset: number, length: number, pieceBytes = PIECE_BYTES): AsyncGenerator<Buffer> {
    for (let at = 0; at < length; at += pieceBytes) {
      yield await this.read(offset + at, Math.min(pieceBytes, length - at));
    }
  }

  cut(): ModelError {
    return new ModelError('file_invalid', `${this.path} is cut off: it ends before what it says it holds`);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/**
 * Reads numbers and bytes one after another, little-endian. All methods throw ModelError `file_invalid` at the file's
 * end.
 */
export class FileCursor {
  readonly #file: SourceFile;
  #position = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  /** Bytes from the file's start. */
  get position(): number {
    return this.#position;
  }

  get isAtEnd(): boolean {
    return this.#position === this.#file.size;
  }

  async take(length: number): Promise<Buffer> {
    let from = this.#position - this.#windowStart;
    if (from + length > this.#window.length) {
      const ahead = Math.min(Math.max(length, WINDOW_BYTES), this.#file.size - this.#position);
      if (ahead < length) throw this.#file.cut();
      this.#window = await this.#file.read(this.#position, ahead);
      this.#windowStart = this.#position;
      from = 0;
    }
    this.#position += length;
    return this.#window.subarray(from, from + length);
  }

  skip(length: number): void {
    if (!this.#file.holds(this.#position, length)) throw this.#file.cut();
    this.#position += length;
    // What was read ahead may lie before the new place.
    this.#window = Buffer.alloc(0);
  }

  async uint8(): Promise<number> {
    return (await this.take(1)).readUInt8();
  }

  async uint16(): Promise<number> {
    return (await this.take(2)).readUInt16LE();
  }

  async uint32(): Promise<number> {
    return (await this.take(4)).readUInt32LE();
  }

  /** A count or a size that must lie within `max`. @throws ModelError `file_invalid` naming what it is */
  async count(what: string, max: number): Promise<number> {
    const value = (await this.take(4)).readInt32LE();
    if (value < 0 || value > max) {
      throw new ModelError('file_invalid', `${this.#file.path} is damaged: ${value} ${what}`);
    }
    return value;
  }
}
