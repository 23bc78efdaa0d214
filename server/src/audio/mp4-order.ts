// Puts the index of an MP4 file before its samples, so that the file can be decoded as it comes.
import { AudioFileError } from './audio-errors.js';
import { detectAudioFormat } from './audio-format.js';
import { INDEX_BYTES_MAX } from './mp4-check.js';
import { isStored, partOf, spool, type StoredBytes } from './stored-bytes.js';

/** Bytes of small boxes (ftyp, free, uuid, ...) that are kept in memory until the index or the samples come. */
const HELD_BYTES_MAX = 1_048_576;
/** Bytes that tell MP4 from anything else. */
const SIGNATURE_BYTES = 12;
/**
 * A file is made of boxes: size, type, and 64 bits more of size where the first says 1 (ISO/IEC 14496-12, section 4.2).
 */
const HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;
/** Boxes that lie between `moov` and the tables of chunk offsets. */
const PARENTS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);

interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes as they are, unless the samples (`mdat`) come before the index (`moov`), as cameras and phones write them:
 * then the file is spooled to disk, unless it is stored already, and its index goes first, with the places it names
 * moved accordingly. Throws AudioFileError `not_audio` where no index comes.
 */
export async function* indexFirst(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (isStored(bytes)) return yield* isMp4(await bytes.read(0, SIGNATURE_BYTES)) ? fromStored(bytes) : bytes;
  const source = bytes[Symbol.asyncIterator]();
  try {
    yield* fromStream(source);
  } finally {
    await source.return?.();
  }
}

async function* fromStream(source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const rest = { [Symbol.asyncIterator]: () => source };
  let held = new Uint8Array(0);
  for (;;) {
    if (held.length >= SIGNATURE_BYTES && !isMp4(held)) break;
    const order = orderOf(held);
    if (order === 'index' || (order === 'unclear' && held.length > HELD_BYTES_MAX)) break;
    if (order === 'samples') {
      const stored = await spool(chain(held, rest));
      try {
        return yield* fromStored(stored);
      } finally {
        await stored.close();
      }
    }
    const next = await source.next();
    if (next.done === true) {
      if (held.length >= SIGNATURE_BYTES) throw noIndex();
      break;
    }
    held = new Uint8Array(Buffer.concat([held, next.value]));
  }
  yield* chain(held, rest);
}

function isMp4(head: Uint8Array): boolean {
  const detected = detectAudioFormat(head);
  return detected.status === 'known' && detected.format === 'mp4';
}

async function* chain(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.length > 0) yield first;
  yield* rest;
}

/** Which of index and samples the head of a file comes to first. */
function orderOf(head: Uint8Array): 'index' | 'samples' | 'unclear' {
  for (let at = 0; ;) {
    const box = boxAt(head, at, Infinity);
    if (box === undefined) return 'unclear';
    if (box.type === 'moov' || box.type === 'moof') return 'index';
    if (box.type === 'mdat') return 'samples';
    at = box.end;
  }
}

async function* fromStored(file: StoredBytes): AsyncGenerator<Uint8Array, void, undefined> {
  const boxes = await topBoxes(file);
  const index = boxes.findIndex(({ type }) => type === 'moov');
  const samples = boxes.findIndex(({ type }) => type === 'mdat');
  const moov = boxes[index];
  const mdat = boxes[samples];
  const isInParts = boxes.some(({ type }) => type === 'moof');
  if (moov === undefined && !isInParts) throw noIndex();
  if (moov === undefined || mdat === undefined || index < samples || isInParts) return yield* file;
  if (moov.end - moov.start > INDEX_BYTES_MAX) {
    throw new AudioFileError('audio_too_complex', 'The index of the MP4 file is too large.');
  }
  const moved = (await file.read(moov.start, moov.end - moov.start)).slice();
  moveOffsets(moved, { type: 'moov', start: 0, end: moved.length }, moved.length);
  yield* partOf(file, 0, mdat.start);
  yield moved;
  yield* partOf(file, mdat.start, moov.start);
  yield* partOf(file, moov.end, file.size);
}

function noIndex(): AudioFileError {
  return new AudioFileError('not_audio', 'The MP4 file has no index (moov): it was probably cut off.');
}

async function topBoxes(file: StoredBytes): Promise<Box[]> {
  const boxes: Box[] = [];
  for (let at = 0; at < file.size && boxes.length < 10_000;) {
    const box = boxAt(await file.read(at, LONG_HEADER_BYTES), 0, file.size - at);
    if (box === undefined) break;
    boxes.push({ type: box.type, start: at, end: at + box.end });
    at += box.end;
  }
  return boxes;
}

/**
 * The box that begins at a place; undefined where its header is incomplete or makes no sense. `limit`: where the last
 * box ends at the latest.
 */
function boxAt(bytes: Uint8Array, at: number, limit: number): Box | undefined {
  if (at + HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  const short = view.getUint32(0);
  if (short === 0) return { type, start: at, end: limit };
  if (short !== 1) return short < HEADER_BYTES ? undefined : { type, start: at, end: at + short };
  if (bytes.length - at < LONG_HEADER_BYTES) return undefined;
  const long = Number(view.getBigUint64(8));
  return long < LONG_HEADER_BYTES || !Number.isSafeInteger(long) ? undefined : { type, start: at, end: at + long };
}

/** Adds to every chunk offset (`stco`, `co64`) below a box of the index, in place. */
function moveOffsets(index: Uint8Array, parent: Box, by: number): void {
  for (let at = parent.start + HEADER_BYTES; at < parent.end;) {
    const box = boxAt(index, at, parent.end);
    if (box === undefined || box.end > parent.end) return;
    if (PARENTS.has(box.type)) moveOffsets(index, box, by);
    if (box.type === 'stco' || box.type === 'co64') moveTable(index, box, by);
    at = box.end;
  }
}

/** Version and flags, the number of entries, then the entries. */
function moveTable(index: Uint8Array, box: Box, by: number): void {
  const view = new DataView(index.buffer, index.byteOffset + box.start, box.end - box.start);
  const width = box.type === 'co64' ? 8 : 4;
  const first = HEADER_BYTES + 8;
  const count = Math.min(
    view.byteLength >= first ? view.getUint32(HEADER_BYTES + 4) : 0,
    (view.byteLength - first) / width,
  );
  for (let entry = 0; entry < Math.floor(count); entry++) {
    const at = first + entry * width;
    if (width === 8) view.setBigUint64(at, view.getBigUint64(at) + BigInt(by));
    else view.setUint32(at, view.getUint32(at) + by);
  }
}
