// Why a frame was not judged.
import { CodedError } from '@sotto/protocol';

/**
 * Codes of {@link VadError}:
 * - `vad_failed`: the run failed, on a fresh model too.
 * - `vad_overloaded`: more frames of one stream wait than its bound.
 * - `vad_closed`: the stream or the detector is closed.
 */
export type VadErrorCode = 'vad_failed' | 'vad_overloaded' | 'vad_closed';

export class VadError extends CodedError<VadErrorCode> {
  override readonly name = 'VadError';
}
