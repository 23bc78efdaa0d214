// Ogg Opus with the holes that its pages tell of (RFC 3533, RFC 7845).
import { opusPacketS } from './opus-packet.js';
import { OggPages, startsWith, type OggPage } from './ogg-pages.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

const RATE = 48_000;
/** Where pre-skip stands in the first packet. */
const PRE_SKIP_AT = 10;

/**
 * Reads the pages on their way to the decoder: a page says at which sample it ends, and its packets how long they are;
 * what is between was lost, or not sent. The stream begins at its first page, whatever that page's time is.
 */
export class OggOpusStream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  readonly #pages = new OggPages();
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

  get isCutOff(): boolean {
    return this.#pages.rest.length > 0;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    const pages = this.#pages.read(bytes);
    for (const page of pages) this.#page(page);
    if (pages.length === 0) return [];
    return this.#silences.apply(await this.#decoder.decode(Buffer.concat(pages.map(({ bytes: page }) => page))));
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    // Cut off within a page.
    const { rest } = this.#pages;
    const end = rest.length === 0 ? [] : this.#silences.apply(await this.#decoder.decode(rest));
    const last = await this.#decoder.flush?.();
    return last === undefined ? end : [...end, ...this.#silences.apply(last)];
  }

  free(): void {
    this.#decoder.free();
  }

  #page({ body, lacing, isFirst, isContinued, granule, serial, sequence }: OggPage): void {
    if (startsWith(body, 'OpusHead')) this.#serial = serial;
    if (serial !== this.#serial) return;
    const isNext = this.#sequence === undefined || sequence === this.#sequence + 1;
    this.#sequence = sequence;
    if (isFirst) {
      // A chained stream has a clock of its own.
      this.#leftOutS +=
        body.length > PRE_SKIP_AT + 1 ? ((body[PRE_SKIP_AT] ?? 0) | ((body[PRE_SKIP_AT + 1] ?? 0) << 8)) / RATE : 0;
      this.#aheadS = undefined;
      this.#beginningS = undefined;
      return;
    }
    if (startsWith(body, 'OpusTags')) return;
    const beforeS = this.#packetsS;
    const lastS = this.#packets(lacing, body, isContinued);
    if (granule < 0) return;
    const aheadS = granule / RATE - this.#packetsS - this.#silenceS;
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
