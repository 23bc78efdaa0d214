// Ogg with any codec whose clock counts samples (Vorbis, FLAC), with the holes that its pages tell of (RFC 3533).
import { OggPages, startsWith, type OggPage } from './ogg-pages.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { Decoded, DecodedBlock, StreamDecoder } from './stream-decoder.js';

/** The first letter of a page. */
const CAPTURE = 0x4f;
/** What the first packet of a stream of sound begins with. */
const HEADS = ['\x01vorbis', '\x7fFLAC'];

/**
 * Stands before a decoder that knows nothing of times, and gives it page by page: a page says at which sample it ends,
 * the decoder how many there were. The stream begins at its first page, whatever that page's time is.
 */
export class OggTimesStream implements StreamDecoder {
  readonly #decoder: StreamDecoder;
  /** FLAC also comes without Ogg, and passes. */
  #isOgg: boolean | undefined;
  readonly #pages = new OggPages();
  readonly #silences = new Silences();
  /** Seconds decoded, and silence put in. */
  #decodedS = 0;
  #silenceS = 0;
  /** By how much times are ahead of that when nothing is missing: a stream may have begun before. */
  #aheadS: number | undefined;
  #serial: number | undefined;
  #sequence: number | undefined;
  /** The page before. */
  #last: { readonly granule: number; readonly isNext: boolean; readonly packets: number } | undefined;

  constructor(decoder: StreamDecoder) {
    this.#decoder = decoder;
  }

  get isCutOff(): boolean {
    return this.#pages.rest.length > 0 || this.#decoder.isCutOff === true;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    this.#isOgg ??= bytes[0] === CAPTURE;
    if (!this.#isOgg) return blocksOf(await this.#decoder.decode(bytes));
    const out: DecodedBlock[] = [];
    for (const page of this.#pages.read(bytes)) {
      const blocks = blocksOf(await this.#decoder.decode(page.bytes));
      this.#time(page, blocks);
      out.push(...blocks.flatMap((block) => this.#silences.apply(block)));
    }
    return out;
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    const { rest } = this.#pages;
    // Cut off within a page.
    const end = rest.length === 0 ? [] : blocksOf(await this.#decoder.decode(rest));
    const last = await this.#decoder.flush?.();
    const blocks = [...end, ...(last === undefined ? [] : blocksOf(last))];
    this.#time(undefined, blocks);
    return blocks.flatMap((block) => this.#silences.apply(block));
  }

  free(): void {
    this.#decoder.free();
  }

  /** What a page gave is the page before: the end of a page is known by the next one. */
  #time(page: OggPage | undefined, blocks: readonly DecodedBlock[]): void {
    const given = this.#last;
    if (page !== undefined) this.#next(page);
    const rate = blocks[0]?.sampleRate ?? 0;
    if (rate === 0) return;
    const beforeS = this.#decodedS;
    this.#decodedS += blocks.reduce((sum, { channelData: [first] }) => sum + (first?.length ?? 0), 0) / rate;
    if (given === undefined || given.granule < 0) return;
    const aheadS = given.granule / rate - this.#decodedS - this.#silenceS;
    this.#aheadS = Math.min(this.#aheadS ?? Infinity, aheadS);
    const holeS = aheadS - this.#aheadS;
    const packetS = (this.#decodedS - beforeS) / Math.max(1, given.packets);
    // The last page may end early, and then there is none.
    if (holeS < HOLE_S_MIN + packetS) return;
    // Where no page is missing before it, its writer ended it when its time was over: with the first packet behind the
    // hole.
    this.#silences.add(given.isNext ? this.#decodedS - packetS : beforeS, holeS);
    this.#silenceS += holeS;
  }

  #next({ body, lacing, granule, serial, sequence }: OggPage): void {
    if (HEADS.some((head) => startsWith(body, head))) {
      // A chained stream has a clock of its own.
      this.#aheadS = undefined;
      this.#serial = serial;
      this.#sequence = undefined;
    }
    if (serial !== this.#serial) return;
    const isNext = this.#sequence === undefined || sequence === this.#sequence + 1;
    this.#sequence = sequence;
    this.#last = { granule, isNext, packets: lacing.filter((part) => part < 255).length };
  }
}

function blocksOf(decoded: Decoded): readonly DecodedBlock[] {
  const blocks = 'channelData' in decoded ? [decoded] : decoded;
  return blocks.filter(({ channelData }) => channelData.length > 0);
}
