// Bytes of an audio file in, 16 kHz mono out: format, decoder, mix and sample rate, in whichever thread.
import { LIMITS } from '@sotto/protocol';
import { AudioFileError, CONVERT, type AudioFileWarning } from './audio-errors.js';
import { detectAudioFormat, DETECT_BYTES, id3Bytes, type AudioFormatName } from './audio-format.js';
import { audioMsMax } from './decode-limits.js';
import { mix, type ChannelMeaning } from './mix.js';
import { checkedMp4 } from './mp4-check.js';
import { onlyWantedTrack } from './mp4-tracks.js';
import type { TrackWish } from './choose-track.js';
import { Resampler } from './resampler.js';
import { SAMPLE_RATE } from './samples.js';
import { decoderFailure, openStreamDecoder } from './open-stream-decoder.js';
import type { Decoded, DecodedBlock } from './stream-decoder.js';

/** Bytes that a decoder gets at a time, at the most (once samples come) and at first. */
const SLICE_BYTES = { max: 65_536, first: 1_024, min: 64 } as const;
/** Samples (of all channels) that one slice should give: a few bytes of a well-compressed silence may be minutes. */
const SLICE_SAMPLES = 524_288;
/** Highest sample rate that is believed, Hz. */
const SAMPLE_RATE_MAX = 768_000;

const CUT_OFF = 'The file is cut off; what is there was read.';

/** What of a file is heard. */
export interface Selection extends TrackWish {
  /** The channel (from 0) to hear alone. Default: all of them, mixed. */
  readonly channel?: number | undefined;
}

/**
 * Decodes a file of any known format, told by its content, block by block. Memory holds a slice of it, whatever its
 * length and however well it is compressed. Channels are mixed (see `mix`), or `channel` (from 0) is heard alone.
 * Throws AudioFileError (`empty`, `not_audio`, `unsupported`, `no_samples`, `no_channel`, `no_track`,
 * `audio_too_long`), or what `bytes` throws. What fails after samples came is a warning.
 */
export async function* decodeBlocks(
  bytes: AsyncIterable<Uint8Array>,
  warn: (warning: AudioFileWarning) => void,
  { channel, ...wish }: Selection = {},
): AsyncGenerator<Float32Array, void, undefined> {
  const source = withoutTag(bytes);
  const output = new Output(channel);
  try {
    const head = await headOf(source);
    const format = formatOf(head);
    // A WAV file of four to eight channels is more often a recorder's than a film's.
    output.meaning = format === 'wav' ? 'any' : 'surround';
    const decoder = await openStreamDecoder(format, warn, wish);
    try {
      let slice: number = SLICE_BYTES.first;
      const whole = chain(head, source);
      let isFirst = true;
      for await (const read of format === 'mp4' ? checkedMp4(whole) : whole) {
        // Its first piece has the whole index.
        const isIndex = isFirst && format === 'mp4';
        const piece = isIndex ? onlyWantedTrack(read, wish, warn) : read;
        isFirst = false;
        for (let at = 0; at < piece.length;) {
          const part = piece.subarray(at, at + slice);
          at += part.length;
          output.bytes += part.length;
          const decoded = blocksOf(await decoder.decode(part));
          for (const block of decoded) yield* output.take(block);
          slice = nextSlice(part.length, decoded);
        }
      }
      for (const block of blocksOf(await decoder.flush?.())) yield* output.take(block);
      if (decoder.isCutOff === true) warn({ code: 'truncated', message: CUT_OFF });
    } catch (cause) {
      if (output.samples === 0) throw decoderFailure(format, cause);
      if (cause instanceof AudioFileError) throw cause;
      warn({ code: 'damaged', message: 'The file is damaged or cut off; what could be read was read.' });
    } finally {
      decoder.free();
    }
    yield* output.flush();
    if (output.samples === 0) throw noSamples(format);
  } finally {
    output.close();
    await source.return();
  }
}

function noSamples(format: AudioFormatName): AudioFileError {
  return format === 'wav' || format === 'flac'
    ? new AudioFileError('no_samples', 'The file has a header but no samples.')
    : new AudioFileError('not_audio', `Nothing in the ${format} file can be decoded.`);
}

function formatOf(head: Uint8Array): AudioFormatName {
  if (head.length === 0) throw new AudioFileError('empty', 'The file is empty.');
  const detected = detectAudioFormat(head);
  if (detected.status === 'known') return detected.format;
  if (detected.status === 'unsupported') {
    throw new AudioFileError('unsupported', `${detected.name} is not supported. ${CONVERT}`);
  }
  if (head[0] === 0x1f && head[1] === 0x8b)
    throw new AudioFileError('not_audio', 'This is a gzip file: unpack it first.');
  throw new AudioFileError(
    'not_audio',
    'The file is not audio of a known format (WAV, FLAC, MP3, AAC, MP4, Ogg, WebM, AMR).',
  );
}

/** Mixes, resamples and counts what decoders give. */
class Output {
  samples = 0;
  /** Of the file that were decoded. */
  bytes = 0;
  meaning: ChannelMeaning = 'surround';
  #audioMs = 0;
  #resampler: Resampler | undefined;
  #rate = 0;
  #channels = 0;
  readonly #channel: number | undefined;

  /** `channel`: to be heard alone. */
  constructor(channel: number | undefined) {
    this.#channel = channel;
  }

  *take({ channelData, sampleRate, silenceS = 0 }: DecodedBlock): Generator<Float32Array> {
    if ((channelData[0]?.length ?? 0) === 0) return;
    if (this.#channel !== undefined) this.#checkChannels(channelData.length, sampleRate);
    if (sampleRate !== this.#rate) yield* this.#change(sampleRate);
    const silence = Math.round(silenceS * sampleRate);
    // Refused before any of it is made, where the file is too small for so much.
    this.#count(silence, sampleRate);
    for (let left = silence; left > 0; left -= sampleRate) {
      const block = this.#resampler?.push(new Float32Array(Math.min(left, sampleRate)));
      if (block !== undefined && block.length > 0) yield block;
    }
    const mono = this.#channel === undefined ? mix(channelData, this.meaning) : channelData[this.#channel];
    if (mono === undefined) throw new AudioFileError('no_channel', `The file has ${channelData.length} channels.`);
    this.samples += mono.length;
    this.#count(mono.length, sampleRate);
    const block = this.#resampler?.push(mono) ?? mono;
    if (block.length > 0) yield block;
  }

  /** Channels that are heard apart have one timeline, and as many of them are there from the beginning to the end. */
  #checkChannels(channels: number, sampleRate: number): void {
    if (channels > LIMITS.channelsMax) {
      const message = `The file has ${channels} channels: at most ${LIMITS.channelsMax} are heard apart.`;
      throw new AudioFileError('unsupported', message);
    }
    const [before, rate] = [this.#channels, this.#rate];
    this.#channels = channels;
    if (before === 0 || (before === channels && rate === sampleRate)) return;
    const what =
      before === channels
        ? `sample rate changes on the way, from ${rate} to ${sampleRate} Hz`
        : `number of channels changes on the way, from ${before} to ${channels}`;
    throw new AudioFileError('unsupported', `The file's ${what}: its channels cannot be heard apart. Have them mixed.`);
  }

  #count(samples: number, sampleRate: number): void {
    this.#audioMs += (samples * 1_000) / sampleRate;
    if (this.#audioMs <= audioMsMax(this.bytes)) return;
    const hours = Math.floor(this.#audioMs / 3_600_000);
    throw new AudioFileError('audio_too_long', `${this.bytes} bytes of the file claim more than ${hours} h of audio.`);
  }

  *flush(): Generator<Float32Array> {
    const block = this.#resampler?.flush();
    this.close();
    if (block !== undefined && block.length > 0) yield block;
  }

  close(): void {
    this.#resampler?.close();
    this.#resampler = undefined;
  }

  /** Chained streams may change their rate. */
  *#change(sampleRate: number): Generator<Float32Array> {
    yield* this.flush();
    if (sampleRate < SAMPLE_RATE / 4) {
      throw new AudioFileError('unsupported', `A sample rate of ${sampleRate} Hz is too low.`);
    }
    if (sampleRate > SAMPLE_RATE_MAX) {
      throw new AudioFileError('unsupported', `A sample rate of ${sampleRate} Hz is too high.`);
    }
    this.#rate = sampleRate;
    this.#resampler = new Resampler(Math.round(sampleRate));
  }
}

function blocksOf(decoded: Decoded | undefined): readonly DecodedBlock[] {
  if (decoded === undefined) return [];
  return 'channelData' in decoded ? [decoded] : decoded;
}

function nextSlice(bytes: number, blocks: readonly DecodedBlock[]): number {
  const samples = blocks.reduce((sum, { channelData }) => sum + channelData.length * (channelData[0]?.length ?? 0), 0);
  // A header of many slices would be read again with each of them.
  if (samples === 0) return bytes * 2;
  const fitting = Math.floor((bytes * SLICE_SAMPLES) / samples);
  return Math.max(SLICE_BYTES.min, Math.min(SLICE_BYTES.max, bytes * 2, fitting));
}

/** Takes an ID3 tag off, with the pictures in it, before anybody looks at the bytes. */
async function* withoutTag(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let skip: number | undefined;
  let held = new Uint8Array(0);
  for await (const piece of bytes) {
    let rest = piece;
    if (skip === undefined) {
      held = new Uint8Array(Buffer.concat([held, piece]));
      if (held.length < 10) continue;
      skip = id3Bytes(held);
      rest = held;
    }
    const taken = Math.min(skip, rest.length);
    skip -= taken;
    if (taken < rest.length) yield rest.subarray(taken);
  }
  if (skip === undefined && held.length > 0) yield held;
}

/** The first bytes of a stream, enough to tell its format; the stream goes on behind them. */
async function headOf(source: AsyncGenerator<Uint8Array, void, undefined>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  while (length < DETECT_BYTES) {
    const next = await source.next();
    if (next.done === true) break;
    pieces.push(next.value);
    length += next.value.length;
  }
  return new Uint8Array(Buffer.concat(pieces));
}

async function* chain(head: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (head.length > 0) yield head;
  yield* rest;
}
