// Packets of Opus, one after the other, as an Ogg stream that can be decoded (RFC 3533, RFC 7845).
import { opusPacketS } from './opus-packet.js';

const HEADER_BYTES = 27;
/** What one page can hold: 255 lacing values of 255. */
export const PACKET_BYTES_MAX = 255 * 255 - 1;
const RATE = 48_000;
const SERIAL = 1;
const FIRST_PAGE = 2;
/** Of the CRC that Ogg has: no reflection, begins with 0. */
const POLYNOMIAL = 0x04c1_1db7;
const CRC_AT = 22;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum < 0 ? POLYNOMIAL : 0);
  return sum >>> 0;
});

export class OpusPages {
  readonly #channels: number;
  #sequence = 0;
  #samples = 0;

  /** `channels`: 1 or 2. */
  constructor(channels: number) {
    this.#channels = channels;
  }

  /** The page of one packet; before the first one, the headers of the stream. Empty for a packet that is too large. */
  page(packet: Uint8Array): Uint8Array {
    if (packet.byteLength === 0 || packet.byteLength > PACKET_BYTES_MAX) return new Uint8Array(0);
    const headers = this.#sequence === 0 ? [this.#page(this.#head()), this.#page(tags())] : [];
    this.#samples += Math.round(opusPacketS(packet[0], packet[1]) * RATE);
    return Buffer.concat([...headers, this.#page(packet)]);
  }

  #page(packet: Uint8Array): Buffer {
    const full = Math.floor(packet.byteLength / 255);
    const page = Buffer.alloc(HEADER_BYTES + full + 1 + packet.byteLength);
    page.write('OggS', 0, 'latin1');
    page[5] = this.#sequence === 0 ? FIRST_PAGE : 0;
    page.writeBigUInt64LE(BigInt(this.#samples), 6);
    page.writeUInt32LE(SERIAL, 14);
    page.writeUInt32LE(this.#sequence++, 18);
    page[26] = full + 1;
    page.fill(255, HEADER_BYTES, HEADER_BYTES + full);
    page[HEADER_BYTES + full] = packet.byteLength % 255;
    page.set(packet, HEADER_BYTES + full + 1);
    page.writeUInt32LE(checksumOf(page), CRC_AT);
    return page;
  }

  #head(): Buffer {
    const head = Buffer.alloc(19);
    head.write('OpusHead', 0, 'latin1');
    head[8] = 1;
    head[9] = this.#channels;
    head.writeUInt32LE(RATE, 12);
    return head;
  }
}

/** An empty vendor, and no comments. */
function tags(): Buffer {
  return Buffer.from('OpusTags\0\0\0\0\0\0\0\0', 'latin1');
}

/** Of a page, as if the place of its checksum held nothing. */
export function checksumOf(page: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < page.length; at++) {
    const byte = at >= CRC_AT && at < CRC_AT + 4 ? 0 : (page[at] ?? 0);
    sum = ((sum << 8) ^ (CRC[(sum >>> 24) ^ byte] ?? 0)) >>> 0;
  }
  return sum;
}

/** Whether a page is as it was written. */
export function isIntact(page: Uint8Array): boolean {
  return new DataView(page.buffer, page.byteOffset, page.length).getUint32(CRC_AT, true) === checksumOf(page);
}
