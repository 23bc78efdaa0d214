// WAV files (RIFF, RF64), read as a stream of mono samples at the file's own rate.
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';
import type { ByteSource } from './byte-source.js';
import { bytesPerSample, decodePcm, type PcmEncoding, type PcmLayout } from './pcm.js';

/** Mono samples at `sampleRate`, as they are decoded. */
export interface DecodedFile {
  readonly sampleRate: number;
  readonly blocks: Iterable<Float32Array> | AsyncIterable<Float32Array>;
}

/** Bytes decoded at a time. */
const BLOCK_BYTES = 65_536;
/** Data sizes from here on are what programs write that did not know the length (sox 0x7ffff000, ffmpeg 0xffffffff): read to the end. */
const UNKNOWN_SIZE = 0x7fff_0000;
/** Format tags of mmreg.h. */
const TAG = { pcm: 1, float: 3, alaw: 6, mulaw: 7, extensible: 0xfffe } as const;

interface WavFormat extends PcmLayout {
  readonly sampleRate: number;
}

/**
 * Reads the chunks of a WAV file up to its samples (Microsoft, Multimedia Programming Interface and Data Specifications 1.0; RF64: EBU Tech 3306).
 * @throws AudioFileError `unsupported` for an encoding that it does not know, `not_audio` if format or samples are missing.
 */
export function openWav(bytes: ByteSource, warn: (warning: AudioFileWarning) => void): DecodedFile {
  let format: WavFormat | undefined;
  for (let at = 12; at + 8 <= bytes.size;) {
    const header = viewOf(bytes.read(at, 8));
    const [name, size] = [ascii(header, 0), header.getUint32(4, true)];
    if (name === 'fmt ') format = parseFormat(viewOf(bytes.read(at + 8, Math.min(size, 40))));
    if (name === 'data') {
      if (format === undefined) throw new AudioFileError('not_audio', 'The WAV file has samples but no format.');
      const left = bytes.size - at - 8;
      const isSizeKnown = size > 0 && size < UNKNOWN_SIZE;
      if (isSizeKnown && size > left) {
        warn({ code: 'truncated', message: `The file ends ${size - left} bytes early; what is there was read.` });
      }
      const length = isSizeKnown ? Math.min(size, left) : left;
      return { sampleRate: format.sampleRate, blocks: readSamples(bytes, at + 8, length, format) };
    }
    at += 8 + size + (size % 2);
  }
  throw new AudioFileError('not_audio', 'The WAV file has no samples.');
}

function* readSamples(bytes: ByteSource, start: number, length: number, layout: PcmLayout) {
  const stride = bytesPerSample(layout);
  const end = start + length - (length % stride);
  const step = BLOCK_BYTES - (BLOCK_BYTES % stride);
  for (let at = start; at < end; at += step) {
    const block = bytes.read(at, Math.min(step, end - at));
    yield decodePcm(block.subarray(0, block.length - (block.length % stride)), layout);
  }
}

function parseFormat(view: DataView): WavFormat {
  if (view.byteLength < 16) throw new AudioFileError('not_audio', 'The format of the WAV file is cut off.');
  const bits = view.getUint16(14, true);
  const written = view.getUint16(0, true);
  // WAVE_FORMAT_EXTENSIBLE keeps the tag in the first two bytes of its sub-format GUID.
  const tag = written === TAG.extensible && view.byteLength >= 26 ? view.getUint16(24, true) : written;
  const encoding = encodingOf(tag, bits);
  if (encoding === undefined) {
    throw new AudioFileError('unsupported', `WAV with format tag ${tag} and ${bits} bits is not supported.`);
  }
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  if (channels === 0 || sampleRate === 0)
    throw new AudioFileError('not_audio', 'The WAV file has no channel or no rate.');
  return { encoding, channels, sampleRate };
}

function encodingOf(tag: number, bits: number): PcmEncoding | undefined {
  if (tag === TAG.pcm) return ({ 8: 'pcm_u8', 16: 'pcm_s16le', 24: 'pcm_s24le', 32: 'pcm_s32le' } as const)[bits];
  if (tag === TAG.float) return ({ 32: 'pcm_f32le', 64: 'pcm_f64le' } as const)[bits];
  if (tag === TAG.mulaw && bits === 8) return 'mulaw';
  if (tag === TAG.alaw && bits === 8) return 'alaw';
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function ascii(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)));
}
