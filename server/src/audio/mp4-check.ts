// Looks at the index of an MP4 file before a decoder believes it: a few bytes can claim tables of billions of entries.
import { AudioFileError } from './audio-errors.js';
import { boxes, headerAt, viewOf, type BoxHeader } from './mp4-boxes.js';

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
        if (CHECKED.has(box.type)) checkBoxes(viewOf(held.bytes), at + box.header, end, 1);
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
  boxAt(at: number): BoxHeader | undefined {
    return headerAt(viewOf(this.bytes), at);
  }
}

function checkBoxes(view: DataView, start: number, end: number, depth: number): void {
  if (depth > DEPTH_MAX) throw new AudioFileError('audio_too_complex', 'Boxes of the MP4 file lie too deep.');
  // Decoders stop at a box that is longer than the one around it.
  for (const box of boxes(view, start, end)) {
    if (PARENTS.has(box.type)) checkBoxes(view, box.body, box.end, depth + 1);
    else checkTable(box.type, new DataView(view.buffer, view.byteOffset + box.body, box.end - box.body));
  }
}

function checkTable(type: string, content: DataView): void {
  const entryBytes = ENTRY_BYTES[type];
  if (entryBytes !== undefined && content.byteLength >= 8) {
    mustFit(type, content.getUint32(4), entryBytes, content.byteLength - 8);
  }
  if (type === 'stsz' && content.byteLength >= 12) {
    const count = content.getUint32(8);
    if (content.getUint32(4) === 0) mustFit(type, count, 4, content.byteLength - 12);
    else mustBeFew(count, EQUAL_SAMPLES_MAX);
  }
  if (type === 'trun' && content.byteLength >= 8) {
    const flags = content.getUint32(0) & 0xffffff;
    const entry = 4 * [...(flags & RUN_ENTRY_FLAGS).toString(2)].filter((bit) => bit === '1').length;
    const count = content.getUint32(4);
    if (entry > 0) mustFit(type, count, entry, content.byteLength - 8);
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
