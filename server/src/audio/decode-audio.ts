// Audio files of any known format as 16 kHz mono, decoded as their bytes come.
import { setImmediate } from 'node:timers/promises';
import type { AudioFileWarning } from './audio-errors.js';
import { packetTableFirst } from './caf-order.js';
import { decodeBlocks, type Selection } from './decode-blocks.js';
import { checkOnlyTrack } from './choose-track.js';
import { detectAudioFormat, DETECT_BYTES } from './audio-format.js';
import { decodeInProcess } from './decoder/decode-in-process.js';
import { findFfmpeg } from './ffmpeg/find-ffmpeg.js';
import { throughFfmpeg } from './ffmpeg/through-ffmpeg.js';
import { indexFirst } from './mp4-order.js';
import { isStored } from './stored-bytes.js';
import { isForeignWav } from './wav.js';

export interface DecodeAudioOptions extends Selection {
  /** Told of what is wrong with a file that can be read all the same; may come until the last block. */
  readonly onWarning?: (warning: AudioFileWarning) => void;
  /**
   * `process` (the default) keeps the event loop free, and this process whole whatever the file; `shared` does so for
   * several live streams in one process; `inline` spares the start of one, for files that can be trusted.
   */
  readonly isolation?: 'process' | 'shared' | 'inline';
}

/** Inline decoding lets other work of the process run at least this often, samples. */
const YIELD_SAMPLES = 65_536;

/**
 * Blocks of any size, -1..1. WAV, FLAC, MP3, AAC, MP4 (M4A, MOV, 3GP), Ogg (Opus, Vorbis, FLAC), WebM, Matroska and
 * AMR, any rate and number of channels, told by content; what an ffmpeg on this machine knows besides (see
 * `useFfmpeg`), unless `shared`. Memory is bounded whatever the file: an MP4 file whose index comes last, and a CAF
 * file, are spooled to disk, unless they are stored. Iterating throws AudioFileError (all codes but `unreadable`), or
 * what `bytes` throws.
 */
export function decodeAudio(
  bytes: AsyncIterable<Uint8Array>,
  { onWarning = () => {}, isolation = 'process', ...selection }: DecodeAudioOptions = {},
): AsyncGenerator<Float32Array, void, undefined> {
  // Of live streams there may be many more than ffmpegs.
  const ordered = isolation === 'shared' ? indexFirst(bytes) : readable(bytes, onWarning, selection);
  return isolation === 'inline'
    ? politely(decodeBlocks(ordered, onWarning, selection))
    : decodeInProcess(ordered, { warn: onWarning, selection, kind: isolation === 'shared' ? 'live' : 'file' });
}

/** Kinds of files that may have several sound tracks. */
const HAS_TRACKS: ReadonlySet<string> = new Set(['mp4', 'webm']);

/** What decoders read: the index of an MP4 file first, and through ffmpeg where no decoder of ours knows the format. */
async function* readable(
  bytes: AsyncIterable<Uint8Array>,
  warn: (warning: AudioFileWarning) => void,
  selection: Selection,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, whole } = await headFirst(bytes);
  const foreign = foreignFormat(head);
  const program = foreign === undefined ? undefined : findFfmpeg();
  if (foreign !== undefined && program !== undefined) {
    const ordered = foreign.demuxer === 'caf' ? packetTableFirst(whole) : whole;
    return yield* throughFfmpeg(ordered, { ...foreign, program, warn, track: selection.track });
  }
  const detected = detectAudioFormat(head);
  if (detected.status === 'known' && !HAS_TRACKS.has(detected.format)) checkOnlyTrack(selection);
  yield* indexFirst(whole);
}

/** What only ffmpeg reads. */
function foreignFormat(head: Uint8Array): { readonly name: string; readonly demuxer: string } | undefined {
  const detected = detectAudioFormat(head);
  if (detected.status === 'unsupported' && detected.demuxer !== undefined) {
    return { name: detected.name, demuxer: detected.demuxer };
  }
  const isForeign = detected.status === 'known' && detected.format === 'wav' && isForeignWav(head);
  return isForeign ? { name: 'WAV', demuxer: 'wav' } : undefined;
}

/** The first bytes, and all of them again. */
async function headFirst(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly whole: AsyncIterable<Uint8Array> }> {
  if (isStored(bytes)) return { head: await bytes.read(0, DETECT_BYTES), whole: bytes };
  const source = bytes[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < DETECT_BYTES;) {
    const next = await source.next();
    if (next.done === true) break;
    pieces.push(next.value);
    length += next.value.length;
  }
  return { head: Buffer.concat(pieces), whole: chain(pieces, source) };
}

async function* chain(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* pieces;
    yield* { [Symbol.asyncIterator]: () => rest };
  } finally {
    await rest.return?.();
  }
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
