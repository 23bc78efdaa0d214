// Why a frame was not judged.

/**
 * Codes of {@link VadError}:
 * - `vad_failed`: the run failed, on a fresh model too.
 * - `vad_overloaded`: more frames of one stream wait than its bound.
 * - `vad_closed`: the stream or the detector is closed.
 */
export type VadErrorCode = 'vad_failed' | 'vad_overloaded' | 'vad_closed';

export class VadError extends Error {
  override readonly name = 'VadError';

  constructor(
    readonly code: VadErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
