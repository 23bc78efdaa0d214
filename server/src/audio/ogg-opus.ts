// Ogg Opus with the holes that its pages tell of (RFC 3533, RFC 7845).
import { opusPacketS } from './opus-packet.js';
import { isIntact } from './opus-pages.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

const HEADER_BYTES = 27;
const RATE = 48_000;
/** Where pre-skip stands in the first packet. */
const PRE_SKIP_AT = 10;

/** The first of a page; where bytes were lost, the next one is looked for. */
const CAPTURE_TEXT = Buffer.from('OggS', 'latin1');

/**
 * Reads the pages on their way to the decoder: a page says at which sample it ends, and its packets how long they are;
 * what is between was lost, or not sent. The stream begins at its first page, whatever that page's time is.
 */
export class OggOpusStream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  #held: Uint8Array = new Uint8Array(0);
  /** Seconds of all packets so far that came whole, what is left out of them at the beginnings, and silence put in. */
  #packetsS = 0;
  #leftOutS = 0;
  #silenceS = 0;
  /** What the times of the pages are ahead of that when nothing is missing; undefined before the first time. */
  #aheadS: number | undefined;
  /** Of a packet that goes on in the next page. */
  #beginningS: number | undefined;
  #sequence: number | undefined;
  /** Which of the streams of the file it is. */
  #serial: number | undefined;

  constructor(decoder: BlockDecoder) {
    this.#decoder = decoder;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    const pages = this.#read(bytes);
    return pages.length === 0 ? [] : this.#silences.apply(await this.#decoder.decode(pages));
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    // Cut off within a page.
    const end = this.#held.length === 0 ? [] : this.#silences.apply(await this.#decoder.decode(this.#held));
    const last = await this.#decoder.flush?.();
    return last === undefined ? end : [...end, ...this.#silences.apply(last)];
  }

  free(): void {
    this.#decoder.free();
  }

  /** The pages that are whole by now, without what is of none. */
  #read(bytes: Uint8Array): Uint8Array {
    this.#held = this.#held.length === 0 ? bytes : new Uint8Array(Buffer.concat([this.#held, bytes]));
    const pages: Uint8Array[] = [];
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
      this.#page(page);
      pages.push(page);
      at += length;
    }
    this.#held = this.#held.slice(at);
    return Buffer.concat(pages);
  }

  #page(page: Uint8Array): void {
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    const segments = view.getUint8(26);
    const lacing = page.subarray(HEADER_BYTES, HEADER_BYTES + segments);
    const body = page.subarray(HEADER_BYTES + segments);
    const flags = view.getUint8(5);
    const serial = view.getUint32(14, true);
    if (startsWith(body, 'OpusHead')) this.#serial = serial;
    if (serial !== this.#serial) return;
    const sequence = view.getUint32(18, true);
    const isNext = this.#sequence === undefined || sequence === this.#sequence + 1;
    this.#sequence = sequence;
    if ((flags & 2) !== 0) {
      // A chained stream has a clock of its own.
      this.#leftOutS +=
        body.length > PRE_SKIP_AT + 1 ? ((body[PRE_SKIP_AT] ?? 0) | ((body[PRE_SKIP_AT + 1] ?? 0) << 8)) / RATE : 0;
      this.#aheadS = undefined;
      this.#beginningS = undefined;
      return;
    }
    if (startsWith(body, 'OpusTags')) return;
    const beforeS = this.#packetsS;
    const lastS = this.#packets(lacing, body, (flags & 1) !== 0);
    const granule = view.getBigInt64(6, true);
    if (granule < 0n) return;
    const aheadS = Number(granule) / RATE - this.#packetsS - this.#silenceS;
    this.#aheadS ??= aheadS;
    const holeS = aheadS - this.#aheadS;
    // The last page may end early, and then there is none.
    if (holeS < HOLE_S_MIN) return;
    // A page says nothing of places within it. Where none is missing before it, its writer ended it when its time was
    // over: with the first packet behind the hole.
    this.#silences.add((isNext ? lastS : beforeS) - this.#leftOutS, holeS);
    this.#silenceS += holeS;
  }

  /** Counts the packets that end in a page. Where the last of them begins, seconds. */
  #packets(lacing: Uint8Array, body: Uint8Array, isContinued: boolean): number {
    // What the page before began, or nothing: its beginning, or its end, was lost.
    let lengthS = isContinued ? this.#beginningS : undefined;
    let isWithin = isContinued;
    let lastS = this.#packetsS;
    let place = 0;
    for (const part of lacing) {
      if (!isWithin) lengthS = opusPacketS(body[place], body[place + 1]);
      place += part;
      isWithin = part === 255;
      if (isWithin) continue;
      lastS = this.#packetsS;
      this.#packetsS += lengthS ?? 0;
    }
    this.#beginningS = isWithin ? lengthS : undefined;
    return lastS;
  }
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

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.subarray(0, text.length)).toString('latin1') === text;
}
