// The sizes of the audio formats that a client may send.
import type { AudioEncoding, AudioFormat } from './messages.js';

/** Bytes of one sample of one channel. */
export const BYTES_PER_SAMPLE: Readonly<Record<AudioEncoding, number>> = {
  pcm_s16le: 2,
  pcm_f32le: 4,
  mulaw: 1,
  alaw: 1,
};

/** Bytes of one sample of every channel: audio comes in whole multiples of this (rule AU2). */
export function bytesPerFrame(format: Pick<AudioFormat, 'encoding' | 'channels'>): number {
  return BYTES_PER_SAMPLE[format.encoding] * (format.channels ?? 1);
}
