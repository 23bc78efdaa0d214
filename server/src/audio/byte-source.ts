// Random access to the bytes of an audio file, on disk or in memory.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes that can be read from any place. Reads are synchronous: they are small, and decoders ask for bytes in the middle of their work. */
export interface ByteSource {
  readonly size: number;
  /** The bytes from `position` on: `length` of them, or fewer at the end. */
  read(position: number, length: number): Uint8Array;
  close(): void;
}

/** Opens a path, or wraps bytes in memory. Throws the error of the file system. */
export function openBytes(file: string | Uint8Array): ByteSource {
  if (typeof file !== 'string') {
    return {
      size: file.byteLength,
      read: (position, length) => file.subarray(position, position + length),
      close: () => {},
    };
  }
  const descriptor = openSync(file, 'r');
  const { size } = fstatSync(descriptor);
  return {
    size,
    read: (position, length) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - position)));
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, position));
    },
    close: () => closeSync(descriptor),
  };
}
