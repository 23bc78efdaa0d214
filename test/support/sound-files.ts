// Sound files byte by byte, honest and not: what no encoder writes.

/** FLAC: constant frames (a dozen bytes each) of `samples` samples of silence, 8 kHz (RFC 9639). */
export function silentFlac(frames: number, samples = 65_535): Uint8Array {
  const info = Buffer.alloc(42);
  info.write('fLaC', 'latin1');
  info.writeUInt32BE(0x8000_0022, 4);
  info.writeUInt16BE(samples, 8);
  info.writeUInt16BE(samples, 10);
  // 20 bits of rate, 3 of channels - 1, 5 of bits - 1; the number of samples is not known.
  info.writeUInt32BE((8_000 << 12) | (7 << 4), 18);
  const parts: Uint8Array[] = [info];
  for (let number = 0; number < frames; number++) parts.push(constantFrame(number, samples));
  return bytesOf(parts);
}

function constantFrame(number: number, samples: number): Buffer {
  // 16 bits of block size at the end, 8 kHz; mono, 8 bits.
  const head = Buffer.from([0xff, 0xf8, 0x74, 0x02, ...codePoint(number), (samples - 1) >> 8, (samples - 1) & 255]);
  const start = Buffer.concat([head, Buffer.from([crc(head, 8, 0x07)])]);
  const frame = Buffer.concat([start, Buffer.from([0, 0])]);
  const check = crc(frame, 16, 0x8005);
  return Buffer.concat([frame, Buffer.from([check >> 8, check & 255])]);
}

/** As UTF-8 does it. */
function codePoint(number: number): Buffer {
  return Buffer.from(String.fromCodePoint(number), 'utf8');
}

function crc(bytes: Uint8Array, bits: 8 | 16 | 32, polynomial: number): number {
  const top = 2 ** (bits - 1);
  let value = 0;
  for (const byte of bytes) {
    value = (value ^ (byte << (bits - 8))) >>> 0;
    for (let bit = 0; bit < 8; bit++) {
      const isSet = (value & top) !== 0;
      value = ((value << 1) ^ (isSet ? polynomial : 0)) >>> 0;
      if (bits < 32) value &= 2 ** bits - 1;
    }
  }
  return value;
}

/** One page of an Ogg stream (RFC 3533). `lacing`: the length of each segment. */
export function oggPage(page: {
  readonly flags: number;
  readonly granule: bigint;
  readonly number: number;
  readonly lacing: readonly number[];
  readonly body: Uint8Array;
}): Uint8Array {
  const head = Buffer.alloc(27 + page.lacing.length);
  head.write('OggS', 'latin1');
  head.writeUInt8(page.flags, 5);
  head.writeBigInt64LE(page.granule, 6);
  head.writeUInt32LE(7, 14);
  head.writeUInt32LE(page.number, 18);
  head.writeUInt8(page.lacing.length, 26);
  head.set(page.lacing, 27);
  const whole = Buffer.concat([head, page.body]);
  whole.writeUInt32LE(crc(whole, 32, 0x04c1_1db7), 22);
  return new Uint8Array(whole);
}

/** The first two pages of an Ogg Opus stream (RFC 7845, section 5). `mapping`: family, and its table. */
export function opusHeads(channels: number, mapping: readonly number[] = [0]): Uint8Array {
  const head = Buffer.from([...Buffer.from('OpusHead'), 1, channels, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, ...mapping]);
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.alloc(8)]);
  return bytesOf([
    oggPage({ flags: 2, granule: 0n, number: 0, lacing: [head.length], body: head }),
    oggPage({ flags: 0, granule: 0n, number: 1, lacing: [tags.length], body: tags }),
  ]);
}

/** An EBML element (RFC 8794). `size`: what it claims, where that is not true; Infinity: of unknown size. */
export function ebml(id: readonly number[], content: Uint8Array, size = content.length): Uint8Array {
  const length = Buffer.alloc(8);
  if (size === Infinity) length.fill(255).writeUInt8(1);
  else length.writeBigUInt64BE(BigInt(size) | (1n << 56n));
  return bytesOf([Buffer.from(id), length, content]);
}

/** A box of an MP4 file. `size`: what it claims, where that is not true. */
export function box(type: string, content: Uint8Array, size = content.length + 8): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size);
  head.write(type, 4, 'latin1');
  return bytesOf([head, content]);
}

export function bytesOf(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
