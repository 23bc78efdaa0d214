// WAV files (RIFF, RF64), decoded as their bytes come.
import { AudioFileError, CONVERT, type AudioFileWarning } from './audio-errors.js';
import { bytesPerSample, decodeChannels, type PcmEncoding, type PcmLayout } from './pcm.js';
import type { DecodedBlock, StreamDecoder } from './stream-decoder.js';

/**
 * Data sizes from here on are what programs write that did not know the length (sox 0x7ffff000, ffmpeg 0xffffffff):
 * read to the end.
 */
const UNKNOWN_SIZE = 0x7fff_0000;
/** Format tags of mmreg.h. */
const TAG = { pcm: 1, float: 3, alaw: 6, mulaw: 7, extensible: 0xfffe } as const;
/** More than any recorder has: what says more is damaged. */
const CHANNELS_MAX = 64;
/** Bytes of the format chunk that are looked at. */
const FORMAT_BYTES = 40;

interface WavFormat extends PcmLayout {
  readonly sampleRate: number;
}

type State =
  /** The 12 bytes before the first chunk. */
  | { readonly phase: 'riff' }
  | { readonly phase: 'header' }
  | { readonly phase: 'format'; readonly bytes: number }
  | { phase: 'skip'; bytes: number }
  | { phase: 'data'; bytes: number; readonly format: WavFormat }
  | { readonly phase: 'over' };

/**
 * Reads the chunks of a WAV file up to its samples (Microsoft, Multimedia Programming Interface and Data Specifications
 * 1.0; RF64: EBU Tech 3306), mixed to one channel. Throws AudioFileError: `unsupported` for an encoding that it does
 * not know, `not_audio` if format or samples are missing.
 */
export class WavStream implements StreamDecoder {
  readonly #warn: (warning: AudioFileWarning) => void;
  #rest = new Uint8Array(0);
  #state: State = { phase: 'riff' };
  #format: WavFormat | undefined;
  #isSizeKnown = false;

  constructor(warn: (warning: AudioFileWarning) => void) {
    this.#warn = warn;
  }

  decode(bytes: Uint8Array): DecodedBlock {
    let input = this.#rest.length === 0 ? bytes : new Uint8Array(Buffer.concat([this.#rest, bytes]));
    // The samples come in one piece: there is one chunk of them.
    const channels: Float32Array[] = [];
    for (;;) {
      const taken = this.#step(input, channels);
      if (taken === 0) break;
      input = input.subarray(taken);
    }
    this.#rest = input.slice();
    return this.#blockOf(channels);
  }

  flush(): DecodedBlock {
    const state = this.#state;
    if (state.phase !== 'data' && state.phase !== 'over') {
      throw new AudioFileError('not_audio', 'The WAV file has no samples.');
    }
    if (state.phase === 'data' && this.#isSizeKnown && state.bytes > this.#rest.length) {
      this.#warn({
        code: 'truncated',
        message: `The file ends ${state.bytes - this.#rest.length} bytes early; what is there was read.`,
      });
    }
    return this.#blockOf([]);
  }

  free(): void {}

  /** Takes what it can from the beginning of the input and says how much that was. */
  #step(input: Uint8Array, channels: Float32Array[]): number {
    const state = this.#state;
    switch (state.phase) {
      case 'riff':
        if (input.length < 12) return 0;
        this.#state = { phase: 'header' };
        return 12;
      case 'header':
        return this.#header(input);
      case 'format': {
        const wanted = Math.min(state.bytes, FORMAT_BYTES);
        if (input.length < wanted) return 0;
        this.#format = parseFormat(viewOf(input.subarray(0, wanted)));
        this.#state = { phase: 'skip', bytes: state.bytes - wanted + (state.bytes % 2) };
        return wanted;
      }
      case 'skip': {
        const taken = Math.min(state.bytes, input.length);
        state.bytes -= taken;
        if (state.bytes === 0) this.#state = { phase: 'header' };
        // A chunk of no bytes must not look like a lack of input.
        return taken === 0 && state.bytes === 0 ? this.#header(input) : taken;
      }
      case 'data': {
        const stride = bytesPerSample(state.format);
        const available = Math.min(state.bytes, input.length);
        const taken = available - (available % stride);
        if (taken > 0) channels.push(...decodeChannels(input.subarray(0, taken), state.format));
        state.bytes -= taken;
        if (state.bytes < stride) this.#state = { phase: 'over' };
        return taken;
      }
      case 'over':
        return input.length;
    }
  }

  #header(input: Uint8Array): number {
    if (input.length < 8) return 0;
    const view = viewOf(input);
    const [name, size] = [ascii(view, 0), view.getUint32(4, true)];
    if (name === 'data') {
      if (this.#format === undefined) throw new AudioFileError('not_audio', 'The WAV file has samples but no format.');
      this.#isSizeKnown = size > 0 && size < UNKNOWN_SIZE;
      this.#state = { phase: 'data', bytes: this.#isSizeKnown ? size : Infinity, format: this.#format };
    } else {
      this.#state = name === 'fmt ' ? { phase: 'format', bytes: size } : { phase: 'skip', bytes: size + (size % 2) };
    }
    return 8;
  }

  #blockOf(channelData: readonly Float32Array[]): DecodedBlock {
    return { channelData, sampleRate: this.#format?.sampleRate ?? 0 };
  }
}

/** Whether the head of a WAV file names an encoding that is not read here (ADPCM, GSM, …). */
export function isForeignWav(head: Uint8Array): boolean {
  const view = viewOf(head);
  for (let at = 12; at + 8 <= head.length;) {
    const [name, size] = [ascii(view, at), view.getUint32(at + 4, true)];
    if (name === 'data') return false;
    if (name === 'fmt ') {
      try {
        parseFormat(viewOf(head.subarray(at + 8, at + 8 + Math.min(size, FORMAT_BYTES))));
        return false;
      } catch (error) {
        return error instanceof AudioFileError && error.code === 'unsupported';
      }
    }
    at += 8 + size + (size % 2);
  }
  return false;
}

function parseFormat(view: DataView): WavFormat {
  if (view.byteLength < 16) throw new AudioFileError('not_audio', 'The format of the WAV file is cut off.');
  const bits = view.getUint16(14, true);
  const written = view.getUint16(0, true);
  // WAVE_FORMAT_EXTENSIBLE keeps the tag in the first two bytes of its sub-format GUID.
  const tag = written === TAG.extensible && view.byteLength >= 26 ? view.getUint16(24, true) : written;
  const encoding = encodingOf(tag, bits);
  if (encoding === undefined) {
    throw new AudioFileError('unsupported', `WAV with format tag ${tag} and ${bits} bits is not supported. ${CONVERT}`);
  }
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  if (channels === 0 || sampleRate === 0)
    throw new AudioFileError('not_audio', 'The WAV file has no channel or no rate.');
  if (channels > CHANNELS_MAX) throw new AudioFileError('unsupported', `${channels} channels are not supported.`);
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
