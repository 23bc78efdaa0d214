// What can be wrong with audio that came over the wire or out of a file, as classes with stable codes.
import type { ErrorCode } from '@sotto/protocol';

/** A chunk of audio that cannot be used. `code` is the protocol's; `samples` is the time that the chunk stands for. */
export class AudioChunkError extends Error {
  override readonly name = 'AudioChunkError';

  constructor(
    readonly code: Extract<ErrorCode, 'odd_byte_count' | 'invalid_samples'>,
    message: string,
    /** Whole samples per channel in the chunk, at the client's rate. */
    readonly samples: number,
  ) {
    super(message);
  }
}

/** Why a file gave no audio. */
export type AudioFileErrorCode = 'unreadable' | 'empty' | 'not_audio' | 'unsupported' | 'no_samples' | 'no_channel';

/** A file that cannot be decoded. */
export class AudioFileError extends Error {
  override readonly name = 'AudioFileError';

  constructor(
    readonly code: AudioFileErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A file that gave some audio, but not all that it promised. */
export interface AudioFileWarning {
  readonly code: 'truncated' | 'damaged';
  readonly message: string;
}
