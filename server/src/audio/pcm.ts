// Raw audio bytes to mono float samples: every encoding that the wire or a WAV file may carry.
import { AudioChunkError } from './audio-errors.js';
import { ALAW, MULAW, type G711Table } from './g711.js';

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
  /**
   * The samples of the bytes, still interleaved, as numbers of which `zero` is silence and `zero` ± `1 / scale` full
   * scale.
   */
  readonly read: (bytes: Uint8Array) => ArrayLike<number>;
  readonly zero?: number;
  readonly scale?: number;
  /** Whether the numbers may be anything. */
  readonly isFloat?: boolean;
}

// Every platform that Node runs on is little-endian, as the wire and the files are: the bytes are seen through typed
// arrays.
const ENCODINGS = {
  pcm_u8: { bytes: 1, read: (bytes) => bytes, zero: 128, scale: 1 / 128 },
  pcm_s16le: { bytes: 2, read: (bytes) => new Int16Array(...aligned(bytes, 2)), scale: 1 / 32_768 },
  pcm_s24le: { bytes: 3, read: readInt24, scale: 1 / 8_388_608 },
  pcm_s32le: { bytes: 4, read: (bytes) => new Int32Array(...aligned(bytes, 4)), scale: 1 / 2_147_483_648 },
  pcm_f32le: { bytes: 4, read: (bytes) => new Float32Array(...aligned(bytes, 4)), isFloat: true },
  pcm_f64le: { bytes: 8, read: (bytes) => new Float64Array(...aligned(bytes, 8)), isFloat: true },
  mulaw: { bytes: 1, read: (bytes) => expand(bytes, MULAW) },
  alaw: { bytes: 1, read: (bytes) => expand(bytes, ALAW) },
} as const satisfies Record<PcmEncoding, Encoding>;

/** Bytes of one sample of all channels. */
export function bytesPerSample(layout: PcmLayout): number {
  return ENCODINGS[layout.encoding].bytes * layout.channels;
}

/**
 * Decodes interleaved samples and mixes the channels to their mean. Finite floats beyond full scale are clipped to
 * -1..1.
 * @param room where the samples are put if it holds so many: for who uses them before the next call
 * @returns mono samples, -1..1, at the rate they came in.
 * @throws AudioChunkError `odd_byte_count` if the bytes are not a whole number of samples, `invalid_samples` for NaN or
 * infinity.
 */
export function decodePcm(data: Uint8Array, layout: PcmLayout, room?: Float32Array): Float32Array {
  const { bytes, read, zero = 0, scale = 1, isFloat = false }: Encoding = ENCODINGS[layout.encoding];
  const { channels } = layout;
  const samples = Math.floor(data.byteLength / (bytes * channels));
  if (samples * bytes * channels !== data.byteLength) {
    const message = `${data.byteLength} bytes are not a whole number of ${bytes * channels}-byte samples.`;
    throw new AudioChunkError('odd_byte_count', message, samples);
  }
  const interleaved = read(data);
  if (isFloat) requireFinite(interleaved, samples);
  const mono = room !== undefined && samples <= room.length ? room.subarray(0, samples) : new Float32Array(samples);
  if (channels === 1 && !isFloat) {
    // What nearly every live stream is: half the time of the general way.
    for (let at = 0; at < samples; at++) mono[at] = ((interleaved[at] ?? 0) - zero) * scale;
    return mono;
  }
  const factor = scale / channels;
  mono.fill(0);
  for (let channel = 0; channel < channels; channel++) {
    for (let sample = 0, at = channel; sample < samples; sample++, at += channels) {
      const value = (interleaved[at] ?? 0) - zero;
      mono[sample] = (mono[sample] ?? 0) + (isFloat ? Math.max(-1, Math.min(1, value)) : value) * factor;
    }
  }
  return mono;
}

/** As {@link decodePcm}, but for each channel alone. */
export function decodeChannels(data: Uint8Array, { encoding, channels }: PcmLayout): Float32Array[] {
  return splitChannels(data, ENCODINGS[encoding].bytes, channels).map((samples) =>
    decodePcm(samples, { encoding, channels: 1 }),
  );
}

/** Takes interleaved samples of `sampleBytes` bytes apart; what is no whole sample of all channels is left out. */
export function splitChannels(data: Uint8Array, sampleBytes: number, channels: number): Uint8Array[] {
  if (channels === 1) return [data];
  const samples = Math.floor(data.byteLength / (sampleBytes * channels));
  return Array.from({ length: channels }, (_, channel) => {
    const own = new Uint8Array(samples * sampleBytes);
    for (let sample = 0; sample < samples; sample++) {
      const from = (sample * channels + channel) * sampleBytes;
      for (let byte = 0; byte < sampleBytes; byte++) own[sample * sampleBytes + byte] = data[from + byte] ?? 0;
    }
    return own;
  });
}

function requireFinite(values: ArrayLike<number>, samples: number): void {
  for (let at = 0; at < values.length; at++) {
    if (Number.isFinite(values[at])) continue;
    const message = `Value ${at} of the chunk is ${values[at]}: no finite number.`;
    throw new AudioChunkError('invalid_samples', message, samples);
  }
}

/** Where bytes are copied that begin at a wrong place: a second of audio in the widest encoding. */
const shifted = new Uint8Array(8 * 48_000);

/**
 * Buffer, offset and length of the bytes for a typed array of values of `size` bytes, which may begin at multiples of
 * it only. Where the bytes of a message begin elsewhere, they are copied. To be read before the next call.
 */
function aligned(bytes: Uint8Array, size: number): [ArrayBufferLike, number, number] {
  const length = bytes.byteLength / size;
  if (bytes.byteOffset % size === 0) return [bytes.buffer, bytes.byteOffset, length];
  if (bytes.byteLength > shifted.byteLength) return [new Uint8Array(bytes).buffer, 0, length];
  shifted.set(bytes);
  return [shifted.buffer, 0, length];
}

function readInt24(bytes: Uint8Array): Int32Array {
  const values = new Int32Array(bytes.length / 3);
  for (let sample = 0, at = 0; sample < values.length; sample++, at += 3) {
    const [low = 0, middle = 0, high = 0] = [bytes[at], bytes[at + 1], bytes[at + 2]];
    // The sign is in the highest of 32 bits, and comes down with the shift.
    values[sample] = ((high << 24) | (middle << 16) | (low << 8)) >> 8;
  }
  return values;
}

function expand(codes: Uint8Array, table: G711Table): Float32Array {
  const samples = new Float32Array(codes.length);
  for (let at = 0; at < codes.length; at++) samples[at] = table[codes[at] ?? 0] ?? 0;
  return samples;
}
