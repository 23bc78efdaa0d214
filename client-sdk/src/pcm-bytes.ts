// Turns the sample arrays that programs have into the bytes of the wire.
import type { AudioEncoding } from '@sotto/protocol/client';

/**
 * Bytes as they are, or samples: Int16Array for pcm_s16le, Float32Array (±1) for pcm_f32le and pcm_s16le. Channels are
 * interleaved.
 */
export type Pcm = Uint8Array | ArrayBuffer | Int16Array | Float32Array;

const S16_MAX = 32_767;
const S16_MIN = -32_768;

/**
 * The bytes of `pcm` in `encoding`: a view where no conversion is needed. Float samples are scaled by 32768 and clipped
 * for pcm_s16le. Arrays are taken as little-endian, which every platform with a WebSocket is.
 * @throws {TypeError} if the samples do not fit the encoding
 */
export function pcmBytes(pcm: Pcm, encoding: AudioEncoding): Uint8Array {
  if (pcm instanceof ArrayBuffer) return new Uint8Array(pcm);
  if (pcm instanceof Uint8Array) return pcm;
  if (pcm instanceof Float32Array && encoding === 'pcm_s16le') return bytesOf(toInt16(pcm));
  const fits = pcm instanceof Int16Array ? encoding === 'pcm_s16le' : encoding === 'pcm_f32le';
  if (!fits) throw new TypeError(`${pcm.constructor.name} does not fit the encoding ${encoding}.`);
  return bytesOf(pcm);
}

function bytesOf(samples: Int16Array | Float32Array): Uint8Array {
  return new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
}

function toInt16(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.max(S16_MIN, Math.min(S16_MAX, Math.round(sample * -S16_MIN))));
}
