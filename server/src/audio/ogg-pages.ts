// The pages of an Ogg stream as their bytes come (RFC 3533).
import { isIntact } from './opus-pages.js';

const HEADER_BYTES = 27;
/** The first of a page; where bytes were lost, the next one is looked for. */
const CAPTURE_TEXT = Buffer.from('OggS', 'latin1');

export interface OggPage {
  readonly bytes: Uint8Array;
  readonly body: Uint8Array;
  /** Lengths of the parts of its packets, 0-255: one of 255 goes on in the next. */
  readonly lacing: Uint8Array;
  /** Whether its first packet began in the page before. */
  readonly isContinued: boolean;
  readonly isFirst: boolean;
  /** Where the last packet that ends in it ends, by the codec's clock; -1 where none does. */
  readonly granule: number;
  /** Of its stream. */
  readonly serial: number;
  readonly sequence: number;
}

export class OggPages {
  #held: Uint8Array = new Uint8Array(0);

  /** The end of a file that was cut off within a page. */
  get rest(): Uint8Array {
    return this.#held;
  }

  /** The pages that are whole by now, without what is of none. */
  read(bytes: Uint8Array): OggPage[] {
    this.#held = this.#held.length === 0 ? bytes : new Uint8Array(Buffer.concat([this.#held, bytes]));
    const pages: OggPage[] = [];
    let at = 0;
    for (;;) {
      const rest = this.#held.subarray(at);
      const length = pageLength(rest);
      if (length === 'no page') {
        at += nextCapture(rest);
        continue;
      }
      if (length === undefined || rest.length < length) break;
      const page = rest.subarray(0, length);
      if (!isIntact(page)) {
        // Where the next page follows only its contents are wrong, or its writer reckons no checksums: else it broke
        // off.
        if (rest.length < length + CAPTURE_TEXT.length) break;
        if (pageLength(rest.subarray(length)) === 'no page') {
          at += nextCapture(rest);
          continue;
        }
      }
      pages.push(pageOf(page));
      at += length;
    }
    this.#held = this.#held.slice(at);
    return pages;
  }
}

function pageOf(bytes: Uint8Array): OggPage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const segments = view.getUint8(26);
  const flags = view.getUint8(5);
  return {
    bytes,
    body: bytes.subarray(HEADER_BYTES + segments),
    lacing: bytes.subarray(HEADER_BYTES, HEADER_BYTES + segments),
    isContinued: (flags & 1) !== 0,
    isFirst: (flags & 2) !== 0,
    granule: Number(view.getBigInt64(6, true)),
    serial: view.getUint32(14, true),
    sequence: view.getUint32(18, true),
  };
}

/** Of the page that begins there; undefined where more bytes are wanted. */
function pageLength(bytes: Uint8Array): number | 'no page' | undefined {
  const begins = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, CAPTURE_TEXT.length));
  if (!CAPTURE_TEXT.subarray(0, begins.length).equals(begins)) return 'no page';
  if (bytes.length < HEADER_BYTES) return undefined;
  const segments = bytes[26] ?? 0;
  if (bytes.length < HEADER_BYTES + segments) return undefined;
  const lacing = bytes.subarray(HEADER_BYTES, HEADER_BYTES + segments);
  return HEADER_BYTES + segments + lacing.reduce((sum, part) => sum + part, 0);
}

/** Bytes before the next place where a page may begin; its first letters may be the last bytes. */
function nextCapture(bytes: Uint8Array): number {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(CAPTURE_TEXT, 1);
  return found < 0 ? Math.max(1, bytes.length - CAPTURE_TEXT.length + 1) : found;
}

export function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text;
}
