// Builds `error` messages whose flags follow the table of codes.
import { ERRORS, type ErrorCode, type ErrorTraits } from './errors.js';
import type { ErrorMessage } from './messages.js';

/** What may be said beyond code and message; `fatal` and `retryable` override the table where a rule says so. */
export type ErrorDetails = Partial<ErrorTraits> &
  Pick<ErrorMessage, 'segmentId' | 'startMs' | 'endMs' | 'retryAfterMs'>;

/** An `error` message: `retryable` and `fatal` come from `ERRORS` unless `details` says otherwise. */
export function errorMessage(code: ErrorCode, message: string, details: ErrorDetails = {}): ErrorMessage {
  return { type: 'error', code, message, ...ERRORS[code], ...details };
}
