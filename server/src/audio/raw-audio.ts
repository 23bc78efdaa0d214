// Samples without a container, as a file that can be decoded; and audio that is called raw and comes in one.
import { bytesPerFrame, type AudioFormat } from '@sotto/protocol';
import { detectAudioFormat, id3Bytes } from './audio-format.js';

/** Format tags of mmreg.h. */
const TAGS = { pcm_s16le: 1, pcm_f32le: 3, alaw: 6, mulaw: 7 } as const;
const HEADER_BYTES = 44;
/** Enough to know a container by. */
const HEAD_BYTES = 64;

/** The samples behind the header of a WAV file, whose length is not told. */
export async function* asWav(
  samples: AsyncIterable<Uint8Array>,
  { encoding, sampleRate, channels }: AudioFormat,
): AsyncGenerator<Uint8Array, void, undefined> {
  const frameBytes = bytesPerFrame({ encoding, channels });
  const header = Buffer.alloc(HEADER_BYTES, 0xff);
  header.write('RIFF', 0, 'latin1');
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(TAGS[encoding], 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(frameBytes * sampleRate, 28);
  header.writeUInt16LE(frameBytes, 32);
  header.writeUInt16LE((8 * frameBytes) / channels, 34);
  header.write('data', 36, 'latin1');
  yield header;
  yield* samples;
}

/** Audio that is said to be raw, as a file: as it is where it comes in a container all the same. */
export async function* rawAsFile(
  bytes: AsyncIterable<Uint8Array>,
  format: AudioFormat,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = bytes[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < HEAD_BYTES) {
      const piece = await pieces.next();
      if (piece.done === true) break;
      first.push(piece.value);
      length += piece.value.byteLength;
    }
    const all = resumed(first, pieces);
    yield* isContained(Buffer.concat(first)) ? all : asWav(all, format);
  } finally {
    await pieces.return?.();
  }
}

async function* resumed(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>) {
  yield* first;
  for (let piece = await rest.next(); piece.done !== true; piece = await rest.next()) yield piece.value;
}

/**
 * Whether audio begins with what only a container does. The sync words of bare MP3 and AAC are quiet samples as well:
 * they do not count.
 */
export function isContained(head: Uint8Array): boolean {
  if (id3Bytes(head) > 0) return true;
  // Ogg says in its first bytes what it is, and what is in it later.
  if (Buffer.from(head.subarray(0, 4)).toString('latin1') === 'OggS') return true;
  const found = detectAudioFormat(head);
  return found.status === 'known' && found.format !== 'mp3' && found.format !== 'aac';
}
