// Which library decodes which format, and what its exceptions mean.
import { messageOf } from '@sotto/protocol';
import { AdtsStream } from './aac.js';
import { AudioFileError, CONVERT, type AudioFileWarning } from './audio-errors.js';
import type { AudioFormatName } from './audio-format.js';
import type { TrackWish } from './choose-track.js';
import { MatroskaStream } from './matroska.js';
import { Mp3Stream } from './mp3.js';
import { Mp4Stream } from './mp4-stream.js';
import { OggOpusStream } from './ogg-opus.js';
import { OggTimesStream } from './ogg-times.js';
import type { StreamDecoder } from './stream-decoder.js';
import { WavStream } from './wav.js';

/**
 * The decoder of a format. Libraries are loaded when they are needed: each is a WebAssembly module of some hundred
 * kilobytes.
 * @param warn told of what is wrong with a file that can be read all the same
 */
export async function openStreamDecoder(
  format: AudioFormatName,
  warn: (warning: AudioFileWarning) => void,
  wish: TrackWish = {},
): Promise<StreamDecoder> {
  switch (format) {
    case 'wav':
      return new WavStream(warn);
    case 'flac':
      return new OggTimesStream(await (await import('./flac.js')).FlacStream.open(warn));
    case 'mp3':
      return new Mp3Stream(await (await import('@audio/decode-mp3')).decoder());
    case 'aac':
      return new AdtsStream(await (await import('@audio/decode-aac')).decoder());
    case 'mp4':
      return new Mp4Stream(await (await import('@audio/decode-mp4')).decoder());
    case 'opus':
      return new OggOpusStream(await (await import('@audio/decode-opus')).decoder());
    case 'vorbis':
      return new OggTimesStream(await (await import('@audio/decode-vorbis')).decoder());
    case 'webm':
      return new MatroskaStream(await (await import('@audio/decode-webm')).decoder(), wish, warn);
    case 'amr':
      return (await import('@audio/decode-amr')).decoder();
  }
}

/** What a library's exception means for whoever sent the file. */
export function decoderFailure(format: AudioFormatName, cause: unknown): AudioFileError {
  if (cause instanceof AudioFileError) return cause;
  const said = messageOf(cause);
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
