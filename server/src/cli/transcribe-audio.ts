// Where `sotto transcribe` gets its audio: files and standard input of any format, decoded block by block, or raw PCM.
import { LIMITS, type AudioFormat } from '@sotto/protocol';
import { AudioFileError } from '../audio/audio-errors.js';
import type { TrackWish } from '../audio/choose-track.js';
import { decodeAudio } from '../audio/decode-audio.js';
import { SAMPLE_RATE } from '../audio/samples.js';
import { MeasuredFile } from './measured-file.js';
import type { RawFormat } from './transcribe-flags.js';

/** Audio as it will be sent. */
export interface AudioSource {
  readonly name: string;
  readonly format: AudioFormat;
  /** Milliseconds of audio in each full chunk. */
  readonly chunkMs: number;
  /** Whether chunks come in their own time, as from a recorder; otherwise they are there at once. */
  readonly isLive: boolean;
  readonly chunks: AsyncIterable<Float32Array | Uint8Array>;
  /** How much of it there is, where that can be told. */
  readonly file?: MeasuredFile;
}

const CHUNK_MS = 40;
const STANDARD_INPUT_NAME = 'standard input';
/** What is sent of anything that is decoded here. */
const DECODED: AudioFormat = { encoding: 'pcm_s16le', sampleRate: SAMPLE_RATE, channels: 1 };
const DECODED_CHUNK = (SAMPLE_RATE * CHUNK_MS) / 1_000;
/** Bytes of one sample of pcm_s16le. */
const S16_BYTES = 2;

/** An audio file of any known format as 16 kHz mono. Iterating throws AudioFileError. */
export function fileSource(path: string, wish: TrackWish, onWarning: (message: string) => void): AudioSource {
  const file = new MeasuredFile(path, ({ message }) => onWarning(message), 'inline', wish);
  return {
    name: path,
    file,
    format: DECODED,
    chunkMs: CHUNK_MS,
    isLive: false,
    chunks: rechunk(file.blocks(), DECODED_CHUNK),
  };
}

/**
 * An audio file with all its channels, 16 kHz: each is decoded by itself, in step with the others. Rejects with
 * AudioFileError, which iterating may throw too.
 */
export async function channelsSource(
  path: string,
  wish: TrackWish,
  onWarning: (message: string) => void,
): Promise<AudioSource> {
  const said = new Set<string>();
  const file = new MeasuredFile(
    path,
    ({ message }) => {
      // Each channel warns of the file.
      if (!said.has(message)) onWarning(message);
      said.add(message);
    },
    'inline',
    wish,
  );
  const channels: ChannelBlocks[] = [];
  for (let channel = 0; channel < LIMITS.channelsMax; channel++) {
    const blocks = file.blocks(channel);
    try {
      channels.push({ blocks, first: await blocks.next() });
    } catch (error) {
      if (channel > 0 && error instanceof AudioFileError && error.code === 'no_channel') break;
      await Promise.all(channels.map((one) => one.blocks.return()));
      throw error;
    }
  }
  return {
    name: path,
    file,
    format: { ...DECODED, channels: channels.length },
    chunkMs: CHUNK_MS,
    isLive: false,
    chunks: rechunk(interleaved(channels), DECODED_CHUNK * channels.length),
  };
}

/** The samples of one channel, of which the first block is taken already. */
interface ChannelBlocks {
  readonly blocks: AsyncGenerator<Float32Array, void, undefined>;
  readonly first: IteratorResult<Float32Array, void>;
}

/** The samples of all channels, in turn; where one has no more, silence. */
async function* interleaved(channels: readonly ChannelBlocks[]): AsyncGenerator<Float32Array, void, undefined> {
  let results = channels.map(({ first }) => first);
  try {
    while (results.some(({ done }) => done !== true)) {
      // One file, one decoder, one rate: blocks of all channels are as long.
      const pieces = results.map(({ value }) => value ?? new Float32Array(0));
      const length = Math.max(...pieces.map((piece) => piece.length));
      const samples = new Float32Array(length * pieces.length);
      for (const [channel, piece] of pieces.entries()) {
        for (const [at, sample] of piece.entries()) samples[at * pieces.length + channel] = sample;
      }
      yield samples;
      results = await Promise.all(channels.map(({ blocks }) => blocks.next()));
    }
  } finally {
    await Promise.all(channels.map(({ blocks }) => blocks.return()));
  }
}

/** A recording of any known format, told by its first bytes, as it comes. Iterating throws AudioFileError. */
export function containedSource(
  input: AsyncIterable<Uint8Array>,
  wish: TrackWish,
  onWarning: (message: string) => void,
): AudioSource {
  const blocks = decodeAudio(input, { ...wish, onWarning: ({ message }) => onWarning(message), isolation: 'inline' });
  return {
    name: STANDARD_INPUT_NAME,
    format: DECODED,
    chunkMs: CHUNK_MS,
    isLive: true,
    chunks: rechunk(orRaw(blocks), DECODED_CHUNK),
  };
}

/** Says how raw PCM is read where nothing known was found. */
async function* orRaw(blocks: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array, void, undefined> {
  try {
    yield* blocks;
  } catch (cause) {
    if (!(cause instanceof AudioFileError) || cause.code !== 'not_audio') throw cause;
    const message = `${cause.message} If it is raw PCM (16-bit, little-endian), add --raw, or its --rate and --channels.`;
    throw new AudioFileError('not_audio', message, { cause });
  }
}

/**
 * Raw little-endian 16-bit PCM, as `arecord -f S16_LE -t raw` writes it. Chunks are whole samples; half a sample at the
 * end is left out.
 */
export function rawSource(input: AsyncIterable<Uint8Array>, { sampleRate, channels }: RawFormat): AudioSource {
  const format: AudioFormat = { encoding: 'pcm_s16le', sampleRate, channels };
  const frameBytes = S16_BYTES * channels;
  const chunkBytes = Math.round((sampleRate * CHUNK_MS) / 1_000) * frameBytes;
  return {
    name: STANDARD_INPUT_NAME,
    format,
    chunkMs: CHUNK_MS,
    isLive: true,
    chunks: wholeFrames(input, frameBytes, chunkBytes),
  };
}

/** Cuts blocks of any size into chunks of `size` samples; the last may be shorter. */
async function* rechunk(
  blocks: AsyncIterable<Float32Array>,
  size: number,
): AsyncGenerator<Float32Array, void, undefined> {
  let rest = new Float32Array(0);
  for await (const block of blocks) {
    const samples = new Float32Array(rest.length + block.length);
    samples.set(rest);
    samples.set(block, rest.length);
    let at = 0;
    for (; at + size <= samples.length; at += size) yield samples.subarray(at, at + size);
    rest = samples.slice(at);
  }
  if (rest.length > 0) yield rest;
}

async function* wholeFrames(
  input: AsyncIterable<Uint8Array>,
  frameBytes: number,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const block of input) {
    const bytes = new Uint8Array(rest.length + block.length);
    bytes.set(rest);
    bytes.set(block, rest.length);
    const whole = bytes.length - (bytes.length % frameBytes);
    for (let at = 0; at < whole; at += chunkBytes) yield bytes.subarray(at, Math.min(at + chunkBytes, whole));
    rest = bytes.slice(whole);
  }
}
