// What can be wrong with audio that came over the wire or out of a file, as classes with stable codes.
import { CodedError, type ErrorCode } from '@sotto/protocol';

/** A chunk of audio that cannot be used. `code` is the protocol's; `samples` is the time that the chunk stands for. */
export class AudioChunkError extends CodedError<Extract<ErrorCode, 'odd_byte_count' | 'invalid_samples'>> {
  override readonly name = 'AudioChunkError';
  /** Whole samples per channel in the chunk, at the client's rate. */
  readonly samples: number;

  constructor(code: AudioChunkError['code'], message: string, samples: number) {
    super(code, message);
    this.samples = samples;
  }
}

/**
 * Why a file gave no audio, or not all of it:
 * - `unreadable`: it cannot be opened.
 * - `empty`: it has no bytes.
 * - `not_audio`: it is no audio of a known format, or too damaged to be decoded.
 * - `unsupported`: it is audio of a kind that cannot be decoded.
 * - `no_samples`: it has a header, or pictures, but no sound.
 * - `no_channel`: it has no channel of the number that was asked for.
 * - `no_track`: it has no sound track of the number or language that was asked for.
 * - `audio_too_complex`: decoding it took more time or memory than any honest file does, or ended the decoder.
 * - `audio_too_long`: it claims far more audio than its bytes can hold.
 */
export type AudioFileErrorCode =
  | 'unreadable'
  | 'empty'
  | 'not_audio'
  | 'unsupported'
  | 'no_samples'
  | 'no_channel'
  | 'no_track'
  | 'audio_too_complex'
  | 'audio_too_long';

/** A file that cannot be decoded. */
export class AudioFileError extends CodedError<AudioFileErrorCode> {
  override readonly name = 'AudioFileError';
}

/**
 * The process that decodes is to blame, and no file:
 * - `decoder_unavailable`: none could be started.
 * - `decoder_failed`: it failed in a way that nobody foresaw.
 */
export class DecoderError extends CodedError<'decoder_unavailable' | 'decoder_failed'> {
  override readonly name = 'DecoderError';
}

/**
 * What whoever sent a file should know although it could be read:
 * - `truncated`, `damaged`: it gave some audio, but not all that it promised.
 * - `several_tracks`: one of its sound tracks was heard.
 */
export interface AudioFileWarning {
  readonly code: 'truncated' | 'damaged' | 'several_tracks';
  readonly message: string;
}

/** By the system's code. */
const OPEN_FAILURES = new Map<unknown, (path: string) => string>([
  ['ENOENT', (path) => `There is no file ${path}.`],
  ['EISDIR', (path) => `${path} is a folder.`],
  ['EACCES', (path) => `${path} may not be read.`],
]);

/** Why a file could not be opened. */
export function openFailure(path: string, cause: unknown): AudioFileError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why = OPEN_FAILURES.get(code)?.(path) ?? `Cannot open ${path}.`;
  return new AudioFileError('unreadable', why, { cause });
}

/** What to do with a file that cannot be read. */
export const CONVERT =
  'Convert it to WAV, FLAC, MP3, M4A, Ogg Opus or WebM, for example with: ffmpeg -i FILE speech.flac';
