// Puts the packet table of a CAF file before its packets, so that the file can be decoded as it comes.
import { isStored, partOf, spool, type StoredBytes } from './stored-bytes.js';

/**
 * `caff`, version and flags; then chunks, each with its type and 64 bits of size (Apple Core Audio Format
 * Specification 1.0).
 */
const FILE_HEADER_BYTES = 8;
const CHUNK_HEADER_BYTES = 12;
const CHUNKS_MAX = 10_000;

interface Chunk {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes as they are, unless the packets (`data`) come before their lengths (`pakt`), as phones write AAC, ALAC and
 * Opus: then the table goes first. The file is spooled to disk, unless it is stored already.
 */
export async function* packetTableFirst(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (isStored(bytes)) return yield* ordered(bytes);
  const stored = await spool(bytes);
  try {
    yield* ordered(stored);
  } finally {
    await stored.close();
  }
}

async function* ordered(file: StoredBytes): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = await chunksOf(file);
  const table = chunks.find(({ type }) => type === 'pakt');
  const packets = chunks.find(({ type }) => type === 'data');
  if (table === undefined || packets === undefined || table.start < packets.start) return yield* file;
  yield* partOf(file, 0, packets.start);
  yield* partOf(file, table.start, table.end);
  yield* partOf(file, packets.start, table.start);
  yield* partOf(file, table.end, file.size);
}

async function chunksOf(file: StoredBytes): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let start = FILE_HEADER_BYTES; chunks.length < CHUNKS_MAX;) {
    const header = await file.read(start, CHUNK_HEADER_BYTES);
    if (header.length < CHUNK_HEADER_BYTES) break;
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    const size = Number(view.getBigInt64(4));
    // -1: packets up to the end of the file.
    if (size < 0 || !Number.isSafeInteger(size)) break;
    const end = start + CHUNK_HEADER_BYTES + size;
    chunks.push({ type: String.fromCharCode(...header.subarray(0, 4)), start, end });
    start = end;
  }
  return chunks;
}
