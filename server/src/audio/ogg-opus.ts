// Ogg Opus with the holes that its pages tell of (RFC 3533, RFC 7845).
import { opusPacketS } from './opus-packet.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

const HEADER_BYTES = 27;
const RATE = 48_000;
const CAPTURE = 0x4f676753;
/** Where pre-skip stands in the first packet. */
const PRE_SKIP_AT = 10;

/**
 * Reads the pages on their way to the decoder: a page says at which sample it ends, and its packets how long they are;
 * what is between was lost, or not sent. The stream begins at its first page, whatever that page's time is.
 */
export class OggOpusStream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  #held: Uint8Array = new Uint8Array(0);
  /** Seconds of all packets so far, and where the pages say that we are. */
  #packetsS = 0;
  #endS: number | undefined;
  #preSkipS = 0;
  /** Bytes that are of no page: the rest of the stream is left as it is. */
  #isLost = false;

  constructor(decoder: BlockDecoder) {
    this.#decoder = decoder;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    if (!this.#isLost) this.#read(bytes);
    return this.#silences.apply(await this.#decoder.decode(bytes));
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    const last = await this.#decoder.flush?.();
    return last === undefined ? [] : this.#silences.apply(last);
  }

  free(): void {
    this.#decoder.free();
  }

  #read(bytes: Uint8Array): void {
    this.#held = this.#held.length === 0 ? bytes : new Uint8Array(Buffer.concat([this.#held, bytes]));
    let at = 0;
    for (;;) {
      const view = new DataView(this.#held.buffer, this.#held.byteOffset + at, this.#held.length - at);
      if (view.byteLength < HEADER_BYTES) break;
      if (view.getUint32(0) !== CAPTURE) {
        this.#isLost = true;
        this.#held = new Uint8Array(0);
        return;
      }
      const segments = view.getUint8(26);
      if (view.byteLength < HEADER_BYTES + segments) break;
      const lacing = this.#held.subarray(at + HEADER_BYTES, at + HEADER_BYTES + segments);
      const length = HEADER_BYTES + segments + lacing.reduce((sum, part) => sum + part, 0);
      if (view.byteLength < length) break;
      this.#page(view, lacing, this.#held.subarray(at + HEADER_BYTES + segments, at + length));
      at += length;
    }
    this.#held = this.#held.slice(at);
  }

  #page(view: DataView, lacing: Uint8Array, body: Uint8Array): void {
    const isFirst = (view.getUint8(5) & 2) !== 0;
    if (isFirst) {
      // A chained stream has a clock of its own.
      this.#preSkipS =
        body.length > PRE_SKIP_AT + 1 ? ((body[PRE_SKIP_AT] ?? 0) | ((body[PRE_SKIP_AT + 1] ?? 0) << 8)) / RATE : 0;
      this.#packetsS -= this.#preSkipS;
      this.#endS = undefined;
      return;
    }
    if (Buffer.from(body.subarray(0, 8)).toString('latin1') === 'OpusTags') return;
    const before = this.#packetsS;
    const isContinued = (view.getUint8(5) & 1) !== 0;
    let lastS = before;
    let packet = 0;
    let isWhole = !isContinued;
    for (let index = 0, place = 0; index < lacing.length; index++) {
      const part = lacing[index] ?? 0;
      if (packet === 0 && isWhole) {
        lastS = this.#packetsS;
        this.#packetsS += opusPacketS(body[place], body[place + 1]);
      }
      place += part;
      packet = part === 255 ? packet + 1 : 0;
      if (packet === 0) isWhole = true;
    }
    const granule = view.getBigInt64(6, true);
    if (granule < 0n) return;
    const endS = Number(granule) / RATE;
    const soundsS = this.#packetsS - before;
    const holeS = this.#endS === undefined ? 0 : endS - this.#endS - soundsS;
    // A page says nothing of places within it. Writers end one when its time is over: with the first packet behind the
    // hole. The last page may end early, and then there is none.
    if (holeS >= HOLE_S_MIN) this.#silences.add(lastS, holeS);
    this.#endS = endS;
  }
}
