// What can go wrong in recognition: one class for the caller of a recogniser, one for the caller of an engine.
import { CodedError, type ErrorCode } from '@sotto/protocol';

/**
 * Codes of {@link AsrError}:
 * - `recognition_failed`: the engine failed twice on this audio, or the audio does not fit the model's window.
 * - `overloaded`: more finals (or files) wait than the scheduler's bound allows.
 * - `shutting_down`: the recogniser is closed or closing.
 * - `cancelled`: the segment was cancelled by its owner; never sent to a client.
 */
export type AsrErrorCode = Extract<ErrorCode, 'recognition_failed' | 'overloaded' | 'shutting_down'> | 'cancelled';

/** Recognition of one segment failed. Except for `cancelled` the code is the wire's own. */
export class AsrError extends CodedError<AsrErrorCode> {
  override readonly name = 'AsrError';

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.code === 'recognition_failed' || this.code === 'overloaded';
  }
}

/**
 * Codes of {@link EngineError}:
 * - `engine_load_failed`: the model could not be loaded; nothing will change by itself.
 * - `engine_failed`: a run failed; the engine goes on.
 * - `engine_crashed`: the engine's process died under the run; it is being restarted.
 * - `engine_timeout`: a run took longer than its bound; the engine's process was killed and is being restarted.
 * - `engine_unavailable`: the engine did not come back within its bound.
 * - `engine_closed`: the engine is closed.
 */
export type EngineErrorCode =
  | 'engine_load_failed'
  | 'engine_failed'
  | 'engine_crashed'
  | 'engine_timeout'
  | 'engine_unavailable'
  | 'engine_closed';

/** An engine could not load or could not decode. */
export class EngineError extends CodedError<EngineErrorCode> {
  override readonly name = 'EngineError';

  /** Whether the same request may succeed when it is tried again. */
  get retryable(): boolean {
    return this.code !== 'engine_load_failed' && this.code !== 'engine_closed';
  }
}
