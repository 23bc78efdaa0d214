// Speech and silence for the LoudnessVad, in the formats that clients send.
export type LoudFormat = 'pcm16' | 'mulaw' | 'alaw' | 'float32';

/** The loudest and the quietest sample of a format. */
const SAMPLES: Readonly<
  Record<LoudFormat, { readonly speech: readonly number[]; readonly silence: readonly number[] }>
> = {
  pcm16: { speech: [0x33, 0x73], silence: [0, 0] },
  mulaw: { speech: [0x80], silence: [0xff] },
  alaw: { speech: [0xaa], silence: [0xd5] },
  float32: { speech: [0x66, 0x66, 0x66, 0x3f], silence: [0, 0, 0, 0] },
};

/** `seconds` of one channel. */
export function loud(what: 'speech' | 'silence', seconds: number, rate = 24_000, format: LoudFormat = 'pcm16'): Buffer {
  const sample = SAMPLES[format][what];
  return Buffer.alloc(Math.round(seconds * rate) * sample.length, Buffer.from(sample));
}

/** Interleaves channels of 16-bit samples of the same length. */
export function interleaved(...channels: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(0)] = channels;
  const all = Buffer.alloc(first.byteLength * channels.length);
  for (let at = 0; at < first.byteLength; at += 2)
    for (const [index, channel] of channels.entries()) channel.copy(all, at * channels.length + index * 2, at, at + 2);
  return all;
}
