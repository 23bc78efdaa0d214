// Writes WAV files in memory, with any header a test wants.

export interface WavFields {
  /** Format tag: 1 PCM, 3 float, 6 A-law, 7 mu-law, 0xfffe extensible. */
  readonly tag: number;
  readonly channels?: number;
  readonly sampleRate: number;
  readonly bits: number;
  /** Tag in the sub-format GUID of an extensible file. */
  readonly subTag?: number;
  /** What the header says about the size of the data, if that is not the truth. */
  readonly claimedBytes?: number;
  /** Chunks between the format and the data. */
  readonly between?: Uint8Array;
}

/** A RIFF file around `data`. */
export function wavFile(fields: WavFields, data: Uint8Array): Uint8Array {
  const { channels = 1, sampleRate, bits, tag, subTag, between = new Uint8Array(0) } = fields;
  const format = Buffer.alloc(subTag === undefined ? 16 : 40);
  format.writeUInt16LE(tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRate, 4);
  format.writeUInt32LE((sampleRate * channels * bits) / 8, 8);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (subTag !== undefined) {
    format.writeUInt16LE(22, 16);
    format.writeUInt16LE(subTag, 24);
  }
  const body = Buffer.concat([
    Buffer.from('WAVE'),
    chunk('fmt ', format),
    between,
    chunk('data', data, fields.claimedBytes),
  ]);
  return Buffer.concat([Buffer.from('RIFF'), uint32(body.length), body]);
}

/** One RIFF chunk, padded to an even length. */
export function chunk(name: string, data: Uint8Array, claimedBytes = data.length): Uint8Array {
  return Buffer.concat([Buffer.from(name), uint32(claimedBytes), data, Buffer.alloc(data.length % 2)]);
}

/** Samples in -1..1 as signed 16-bit little-endian bytes. */
export function s16le(samples: ArrayLike<number>): Uint8Array {
  const bytes = Buffer.alloc(samples.length * 2);
  for (let at = 0; at < samples.length; at++) bytes.writeInt16LE(Math.round((samples[at] ?? 0) * 32_767), at * 2);
  return bytes;
}

/** `seconds` of a sine of `hz`, half of full scale. */
export function sine(hz: number, sampleRate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: Math.round(sampleRate * seconds) }, (_, at) => {
    return 0.5 * Math.sin((2 * Math.PI * hz * at) / sampleRate);
  });
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
