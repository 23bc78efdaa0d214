// Looks at the index of an MP4 file before a decoder believes it: a few bytes can claim tables of billions of entries.
import { AudioFileError } from './audio-errors.js';

/** The index of a day of AAC has some ten megabytes. */
export const INDEX_BYTES_MAX = 67_108_864;
/** Samples that a table may claim without a byte for each: PCM in QuickTime has one size for all. */
const EQUAL_SAMPLES_MAX = 16_777_216;
/** The same, in one fragment. */
const FRAGMENT_SAMPLES_MAX = 65_536;
/** An honest index has seven boxes in each other, with those of its tags. */
const DEPTH_MAX = 16;

/** Boxes that hold boxes (ISO/IEC 14496-12, table 1). */
const PARENTS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'edts', 'mvex', 'moof', 'traf', 'udta']);
/** Boxes of the top level that are kept until they are whole, and checked. */
const CHECKED = new Set(['moov', 'moof']);
/** Tables with the number of entries after version and flags, then the entries: bytes of one. */
const ENTRY_BYTES: Readonly<Record<string, number>> = { stco: 4, co64: 8, stsc: 12, stts: 8, ctts: 8, stss: 4 };
/** Flags of `trun` (section 8.8.8) that add four bytes to every entry each. */
const RUN_ENTRY_FLAGS = 0xf00;

/**
 * Passes the bytes on: the head of the file in one piece, so that a decoder need not read it again and again. Throws
 * AudioFileError: `not_audio` where a table does not fit its box, `audio_too_complex` where an index is larger than any
 * honest one.
 */
export async function* checkedMp4(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const held = new HeldBytes();
  /** Where the next box begins in what is held. */
  let at = 0;
  /** Everything is held up to the end of the index. */
  let isHead = true;
  /** Bytes of a box that are of no interest. */
  let passing = 0;
  for await (const piece of bytes) {
    const passed = piece.subarray(0, Math.min(passing, piece.length));
    passing -= passed.length;
    if (passed.length > 0) yield passed;
    held.add(piece.subarray(passed.length));
    for (let box = held.boxAt(at); box !== undefined; box = held.boxAt(at)) {
      const end = at + box.size;
      isHead &&= box.type !== 'mdat';
      if (isHead || CHECKED.has(box.type)) {
        if (end > INDEX_BYTES_MAX) {
          throw new AudioFileError('audio_too_complex', 'The MP4 file claims an index of an absurd size.');
        }
        if (held.length < end) break;
        if (CHECKED.has(box.type)) checkBoxes(held.bytes, at + box.header, end, 1);
        isHead &&= box.type !== 'moov';
      }
      at = end;
    }
    if (isHead) continue;
    const gone = held.take(Math.min(at, held.length));
    passing = at - gone.length;
    at = 0;
    if (gone.length > 0) yield gone;
  }
  if (held.length > 0) yield held.take(held.length);
}

/** Bytes that wait, in one piece. */
class HeldBytes {
  #buffer = new Uint8Array(65_536);
  length = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.length));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.length);
    this.length = length;
  }

  /** The first of them, which are held no longer. */
  take(length: number): Uint8Array {
    const taken = this.#buffer.slice(0, length);
    this.#buffer.copyWithin(0, length, this.length);
    this.length -= length;
    return taken;
  }

  /** Undefined where its header is not whole. */
  boxAt(at: number): Box | undefined {
    return at + 8 > this.length ? undefined : boxAt(this.bytes, at);
  }
}

interface Box {
  readonly type: string;
  /** Infinity: to the end of what is around it, or nothing sensible. */
  readonly size: number;
  /** Bytes before its content. */
  readonly header: number;
}

/** The box of which at least eight bytes are there; undefined where more of its header are wanted. */
function boxAt(bytes: Uint8Array, at: number): Box | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  const short = view.getUint32(0);
  if (short !== 1) return { type, size: short < 8 ? Infinity : short, header: 8 };
  if (view.byteLength < 16) return undefined;
  const long = Number(view.getBigUint64(8));
  return { type, size: long < 16 ? Infinity : long, header: 16 };
}

function checkBoxes(bytes: Uint8Array, start: number, end: number, depth: number): void {
  if (depth > DEPTH_MAX) throw new AudioFileError('audio_too_complex', 'Boxes of the MP4 file lie too deep.');
  for (let at = start; at + 8 <= end;) {
    const { type, size, header } = boxAt(bytes, at) ?? { type: '', size: Infinity, header: 0 };
    // Decoders stop at a box that is longer than the one around it.
    if (at + size > end) return;
    const content = bytes.subarray(at + header, at + size);
    if (PARENTS.has(type)) checkBoxes(bytes, at + header, at + size, depth + 1);
    else checkTable(type, content);
    at += size;
  }
}

function checkTable(type: string, content: Uint8Array): void {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const entryBytes = ENTRY_BYTES[type];
  if (entryBytes !== undefined && content.length >= 8) {
    mustFit(type, view.getUint32(4), entryBytes, content.length - 8);
  }
  if (type === 'stsz' && content.length >= 12) {
    const count = view.getUint32(8);
    if (view.getUint32(4) === 0) mustFit(type, count, 4, content.length - 12);
    else mustBeFew(count, EQUAL_SAMPLES_MAX);
  }
  if (type === 'trun' && content.length >= 8) {
    const flags = view.getUint32(0) & 0xffffff;
    const entry = 4 * [...(flags & RUN_ENTRY_FLAGS).toString(2)].filter((bit) => bit === '1').length;
    const count = view.getUint32(4);
    if (entry > 0) mustFit(type, count, entry, content.length - 8);
    else mustBeFew(count, FRAGMENT_SAMPLES_MAX);
  }
}

function mustFit(type: string, count: number, entryBytes: number, bytes: number): void {
  if (count * entryBytes <= bytes) return;
  const message = `The table ${type} of the MP4 file claims ${count} entries in ${bytes} bytes: the file is damaged.`;
  throw new AudioFileError('not_audio', message);
}

function mustBeFew(count: number, max: number): void {
  if (count <= max) return;
  throw new AudioFileError('audio_too_complex', `The MP4 file claims ${count} samples of one size. Convert it to M4A.`);
}
