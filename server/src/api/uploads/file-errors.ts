// What a failed transcription is over HTTP.
import { AsrError } from '../../asr/errors.js';
import { AudioFileError, DecoderError } from '../../audio/audio-errors.js';
import { HttpError } from '../../http/http-error.js';
import { VadError } from '../../vad/vad-error.js';

/** The same failure as an HttpError; what is none of ours, as it is. */
export function fileError(error: unknown): unknown {
  if (error instanceof AudioFileError) {
    return new HttpError(error.code === 'unsupported' ? 415 : 400, error.code, error.message, {}, { cause: error });
  }
  if (error instanceof AsrError) {
    const { status, message } = ANSWERS[error.code];
    const headers = status === 503 ? { 'retry-after': '10' } : undefined;
    return new HttpError(status, error.code, message, headers, { cause: error });
  }
  if (error instanceof DecoderError) {
    const isPassing = error.code === 'decoder_unavailable';
    const headers = isPassing ? { 'retry-after': '10' } : undefined;
    return new HttpError(isPassing ? 503 : 500, error.code, error.message, headers, { cause: error });
  }
  if (error instanceof VadError) {
    return new HttpError(500, 'recognition_failed', ANSWERS.recognition_failed.message, {}, { cause: error });
  }
  return error;
}

const ANSWERS = {
  overloaded: { status: 503, message: 'Too many recordings wait already: try again later.' },
  shutting_down: { status: 503, message: 'The server is shutting down.' },
  recognition_failed: { status: 500, message: 'The recording could not be recognised: the engine failed twice.' },
  cancelled: { status: 503, message: 'The recording was given up.' },
} as const satisfies Record<AsrError['code'], { readonly status: number; readonly message: string }>;
