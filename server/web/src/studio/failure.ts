// What went wrong, as a code that the Studio has words for.
import { SessionClosedError, SottoError } from '@sotto/client';
import { en, type FailureCode } from '../i18n/en.js';

export interface Failure {
  readonly code: FailureCode;
  /** What the server or the browser said, where the code alone does not tell; else empty. */
  readonly detail: string;
}

export function failureOf(error: unknown): Failure {
  // Sending after the end is told as what ended it.
  if (error instanceof SessionClosedError && error.cause !== undefined) return failureOf(error.cause);
  const code = error instanceof SottoError ? error.code : '';
  if (isFailureCode(code)) return { code, detail: '' };
  return { code: 'unknown', detail: error instanceof Error ? error.message : String(error) };
}

function isFailureCode(code: string): code is FailureCode {
  return Object.hasOwn(en.failures, code);
}
