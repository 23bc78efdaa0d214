// Raw audio bytes to mono float samples: every encoding that the wire or a WAV file may carry.
import { AudioChunkError } from './audio-errors.js';
import { ALAW, MULAW } from './g711.js';

/** Sample encodings: the four of the protocol, and those that only files have. */
export type PcmEncoding =
  | 'pcm_u8'
  | 'pcm_s16le'
  | 'pcm_s24le'
  | 'pcm_s32le'
  | 'pcm_f32le'
  | 'pcm_f64le'
  | 'mulaw'
  | 'alaw';

/** How samples lie in memory; channels are interleaved. */
export interface PcmLayout {
  readonly encoding: PcmEncoding;
  readonly channels: number;
}

interface Encoding {
  readonly bytes: number;
  /** The sample at a byte position, -1..1 (floats: whatever is there). */
  readonly read: (view: DataView, at: number) => number;
}

const ENCODINGS = {
  pcm_u8: { bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 128 },
  pcm_s16le: { bytes: 2, read: (view, at) => view.getInt16(at, true) / 32_768 },
  pcm_s24le: { bytes: 3, read: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65_536) / 8_388_608 },
  pcm_s32le: { bytes: 4, read: (view, at) => view.getInt32(at, true) / 2_147_483_648 },
  pcm_f32le: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  pcm_f64le: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  mulaw: { bytes: 1, read: (view, at) => MULAW[view.getUint8(at)] ?? 0 },
  alaw: { bytes: 1, read: (view, at) => ALAW[view.getUint8(at)] ?? 0 },
} as const satisfies Record<PcmEncoding, Encoding>;

/** Bytes of one sample of all channels. */
export function bytesPerSample(layout: PcmLayout): number {
  return ENCODINGS[layout.encoding].bytes * layout.channels;
}

/**
 * Decodes interleaved samples and mixes the channels to their mean. Finite floats beyond full scale are clipped to -1..1.
 * @returns mono samples, -1..1, at the rate they came in.
 * @throws AudioChunkError `odd_byte_count` if the bytes are no whole number of samples, `invalid_samples` for NaN or infinity.
 */
export function decodePcm(data: Uint8Array, layout: PcmLayout): Float32Array {
  const { bytes, read }: Encoding = ENCODINGS[layout.encoding];
  const stride = bytes * layout.channels;
  const samples = Math.floor(data.byteLength / stride);
  if (samples * stride !== data.byteLength) {
    const message = `${data.byteLength} bytes are no whole number of ${stride}-byte samples.`;
    throw new AudioChunkError('odd_byte_count', message, samples);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const mono = new Float32Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let at = sample * stride; at < (sample + 1) * stride; at += bytes) sum += clip(read(view, at));
    if (Number.isNaN(sum)) {
      throw new AudioChunkError('invalid_samples', `Sample ${sample} of the chunk is not a finite number.`, samples);
    }
    mono[sample] = sum / layout.channels;
  }
  return mono;
}

/** Clips to -1..1; infinities become NaN, so that one check finds both. */
function clip(value: number): number {
  if (value > 1) return value === Infinity ? NaN : 1;
  if (value < -1) return value === -Infinity ? NaN : -1;
  return value;
}
