// FLAC files (native and Ogg), read as mono samples at the file's own rate (libFLAC compiled to WebAssembly).
import { FLACDecoder, type FLACDecodedAudio } from '@wasm-audio-decoders/flac';
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';
import type { ByteSource } from './byte-source.js';
import type { DecodedFile } from './wav.js';

/** Bytes decoded at a time. */
const BLOCK_BYTES = 65_536;
/**
 * Zeros behind the end. The decoder knows the end of a frame by the header of the next one, for which it wants more bytes than a last frame
 * of silence has; without them that frame and the one before it would be lost.
 */
const END_PADDING = new Uint8Array(32);

/** Opens a FLAC file. Rejects with AudioFileError `not_audio` when nothing in it can be decoded. */
export async function openFlac(bytes: ByteSource, warn: (warning: AudioFileWarning) => void): Promise<DecodedFile> {
  const blocks = decode(bytes, warn);
  const first = await blocks.next();
  if (first.done === true) throw new AudioFileError('no_samples', 'The FLAC file has no samples.');
  return { sampleRate: first.value.sampleRate, blocks: monoOf(first.value, blocks) };
}

async function* decode(bytes: ByteSource, warn: (warning: AudioFileWarning) => void) {
  const promised = promisedSamples(bytes);
  const decoder = new FLACDecoder();
  await decoder.ready;
  let samples = 0;
  let damages = 0;
  try {
    for (let at = 0; at < bytes.size + BLOCK_BYTES; at += BLOCK_BYTES) {
      const isEnd = at >= bytes.size;
      const part = await decoder.decode(isEnd ? END_PADDING : bytes.read(at, BLOCK_BYTES));
      for (const audio of isEnd ? [part, await decoder.flush()] : [part]) {
        damages += audio.errors.length;
        samples += audio.samplesDecoded;
        if (audio.samplesDecoded > 0) yield audio;
      }
    }
  } finally {
    decoder.free();
  }
  if (samples === 0 && (damages > 0 || promised !== 0)) {
    throw new AudioFileError('not_audio', 'Nothing in the FLAC file can be decoded.');
  }
  if (damages > 0)
    warn({ code: 'damaged', message: `${damages} frames of the file are damaged; the others were read.` });
  if (samples < (promised ?? 0)) {
    warn({ code: 'truncated', message: `The file has ${samples} of ${promised} samples; what is there was read.` });
  }
}

async function* monoOf(first: FLACDecodedAudio, rest: AsyncIterable<FLACDecodedAudio>) {
  yield mix(first);
  for await (const audio of rest) yield mix(audio);
}

/** The mean of the channels. */
function mix({ channelData, samplesDecoded }: FLACDecodedAudio): Float32Array {
  const mono = new Float32Array(samplesDecoded);
  for (const channel of channelData) {
    for (let at = 0; at < samplesDecoded; at++) mono[at] = (mono[at] ?? 0) + (channel[at] ?? 0) / channelData.length;
  }
  return mono;
}

/** Samples per channel by STREAMINFO (RFC 9639, section 8.2): 0 for a stream of unknown length, undefined where no header is (Ogg, cut off). */
function promisedSamples(bytes: ByteSource): number | undefined {
  const head = bytes.read(0, 26);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 26 || view.getUint32(0) !== 0x664c_6143) return undefined;
  return (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22);
}
