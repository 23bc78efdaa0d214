// One interface over the libraries that decode: bytes of one format in, samples at the file's own rate out.
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';
import type { AudioFormatName } from './audio-format.js';
import { FlacStream } from './flac.js';
import { WavStream } from './wav.js';

/** Samples of each channel, at the same rate; no channels: nothing came out. */
export interface DecodedBlock {
  readonly channelData: readonly Float32Array[];
  readonly sampleRate: number;
}

/** Decodes one file piece by piece. */
export interface StreamDecoder {
  /** What the next bytes of the file give. Throws, or rejects, when they cannot be decoded. */
  decode(bytes: Uint8Array): DecodedBlock | Promise<DecodedBlock>;
  /** The file is over: what was held back. Absent: nothing ever is. */
  flush?(): DecodedBlock | Promise<DecodedBlock>;
  free(): void;
}

/**
 * The decoder of a format. Libraries are loaded when they are needed: each is a WebAssembly module of some hundred kilobytes.
 * @param warn told of what is wrong with a file that can be read all the same
 */
export async function openStreamDecoder(
  format: AudioFormatName,
  warn: (warning: AudioFileWarning) => void,
): Promise<StreamDecoder> {
  switch (format) {
    case 'wav':
      return new WavStream(warn);
    case 'flac':
      return FlacStream.open(warn);
    case 'mp3':
      return (await import('@audio/decode-mp3')).decoder();
    case 'aac':
      return (await import('@audio/decode-aac')).decoder();
    case 'mp4':
      return (await import('@audio/decode-mp4')).decoder();
    case 'opus':
      return (await import('@audio/decode-opus')).decoder();
    case 'vorbis':
      return (await import('@audio/decode-vorbis')).decoder();
    case 'webm':
      return (await import('@audio/decode-webm')).decoder();
    case 'amr':
      return (await import('@audio/decode-amr')).decoder();
  }
}

/** What a library's exception means for whoever sent the file. */
export function decoderFailure(format: AudioFormatName, cause: unknown): AudioFileError {
  if (cause instanceof AudioFileError) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  if (/no (\S+ )?audio track|no audio|not a webm file/i.test(said)) {
    return new AudioFileError(
      'no_samples',
      'The file has no sound that can be decoded: it may be a video without audio.',
      { cause },
    );
  }
  if (/unsupported|unknown codec|not supported/i.test(said)) {
    return new AudioFileError('unsupported', `The ${format} file cannot be decoded (${said}). ${CONVERT}`, { cause });
  }
  return new AudioFileError('not_audio', `Nothing in the ${format} file can be decoded.`, { cause });
}

/** What to do with a file that cannot be read. */
export const CONVERT =
  'Convert it to WAV, FLAC, MP3, M4A, Ogg Opus or WebM, for example with: ffmpeg -i FILE speech.flac';
