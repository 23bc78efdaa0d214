// Audio files of any known format as 16 kHz mono, decoded as their bytes come.
import { setImmediate } from 'node:timers/promises';
import type { AudioFileWarning } from './audio-errors.js';
import { decodeBlocks } from './decode-blocks.js';
import { decodeInProcess } from './decoder/decode-in-process.js';
import { indexFirst } from './mp4-order.js';

export interface DecodeAudioOptions {
  /** Told of what is wrong with a file that can be read all the same; may come until the last block. */
  readonly onWarning?: (warning: AudioFileWarning) => void;
  /**
   * `process` (the default) keeps the event loop free, and this process whole whatever the file; `shared` does so for
   * several live streams in one process; `inline` spares the start of one, for files that can be trusted.
   */
  readonly isolation?: 'process' | 'shared' | 'inline';
  /** The channel (from 0) to hear alone. Default: all of them, mixed. */
  readonly channel?: number;
}

/** Inline decoding lets other work of the process run at least this often, samples. */
const YIELD_SAMPLES = 65_536;

/**
 * Blocks of any size, -1..1. WAV, FLAC, MP3, AAC, MP4 (M4A, MOV, 3GP), Ogg (Opus, Vorbis, FLAC), WebM, Matroska and
 * AMR, any rate and number of channels, told by content. Memory is bounded whatever the file: an MP4 file whose index
 * comes last is spooled to disk, unless it is stored. Iterating throws AudioFileError (all codes but `unreadable`), or
 * what `bytes` throws.
 */
export function decodeAudio(
  bytes: AsyncIterable<Uint8Array>,
  { onWarning = () => {}, isolation = 'process', channel }: DecodeAudioOptions = {},
): AsyncGenerator<Float32Array, void, undefined> {
  const ordered = indexFirst(bytes);
  return isolation === 'inline'
    ? politely(decodeBlocks(ordered, onWarning, channel))
    : decodeInProcess(ordered, { warn: onWarning, channel, kind: isolation === 'shared' ? 'live' : 'file' });
}

async function* politely(
  blocks: AsyncGenerator<Float32Array, void, undefined>,
): AsyncGenerator<Float32Array, void, undefined> {
  let samples = 0;
  for await (const block of blocks) {
    samples += block.length;
    if (samples % YIELD_SAMPLES < block.length) await setImmediate();
    yield block;
  }
}
