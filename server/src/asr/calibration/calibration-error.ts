// Why a calibration cannot be made.
import { CodedError } from '@sotto/protocol';

/**
 * - `bad_recordings`: the folder or its manifest is not as it must be.
 * - `no_recordings`: no recording can be used: wrong language, too long, or nothing is said in them.
 * - `not_understood`: the model gets most of it wrong even with its whole window, so that shorter ones cannot be judged
 *   by it.
 */
export type CalibrationErrorCode = 'bad_recordings' | 'no_recordings' | 'not_understood';

export class CalibrationError extends CodedError<CalibrationErrorCode> {
  override readonly name = 'CalibrationError';
}
