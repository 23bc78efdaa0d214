// What went wrong, as a code that the Studio has words for.
import { SessionClosedError, SottoError } from '@sotto/client';
import { en, type FailureCode } from '../i18n/en.js';

export interface Failure {
  readonly code: FailureCode;
  /** What the server or the browser said, for those who want to know. */
  readonly detail: string;
}

export function failureOf(error: unknown): Failure {
  // Sending after the end is told as what ended it.
  if (error instanceof SessionClosedError && error.cause !== undefined) return failureOf(error.cause);
  const detail = error instanceof Error ? error.message : String(error);
  const code = error instanceof SottoError ? error.code : '';
  return { code: isFailureCode(code) ? code : 'unknown', detail };
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(en.failures, code);
}
