// Refusals over HTTP as Deepgram words them.
import { randomUUID } from 'node:crypto';
import type { WholeResponse } from '../../../http/exchange.js';
import { HttpError } from '../../../http/http-error.js';
import { jsonResponse } from '../../../http/json-response.js';
import type { Route } from '../../../http/router.js';
import { TooManyKeysError } from '../authorizer.js';
import { ListenQueryError } from './listen-options.js';

export interface DeepgramError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export const INVALID_AUTH: DeepgramError = { status: 401, code: 'INVALID_AUTH', message: 'Invalid credentials.' };

/** A request that is refused in Deepgram's words. */
export class DeepgramHttpError extends Error {
  override readonly name = 'DeepgramHttpError';

  constructor(
    readonly error: DeepgramError,
    options?: ErrorOptions,
  ) {
    super(error.message, options);
  }
}

/** The body of the error, and the headers in which the SDKs look for it. */
export function deepgramError({ status, code, message }: DeepgramError, requestId: string): WholeResponse {
  return jsonResponse(
    status,
    { err_code: code, err_msg: message, request_id: requestId },
    { 'dg-request-id': requestId, 'dg-error': headerText(message), ...(status === 503 ? { 'retry-after': '1' } : {}) },
  );
}

/** A handler whose errors are told in Deepgram's shape. */
export function deepgramHandler(handle: Route['handle']): Route['handle'] {
  return async (call) => {
    try {
      return await handle(call);
    } catch (error) {
      const known = errorOf(error);
      if (known === undefined) throw error;
      return deepgramError(known, randomUUID());
    }
  };
}

function errorOf(error: unknown): DeepgramError | undefined {
  if (error instanceof DeepgramHttpError) return error.error;
  if (error instanceof ListenQueryError) return { status: 400, code: error.code, message: error.message };
  if (error instanceof TooManyKeysError) return { status: 429, code: 'TOO_MANY_REQUESTS', message: error.message };
  if (!(error instanceof HttpError)) return undefined;
  const code = error.status === 413 ? 'PAYLOAD_TOO_LARGE' : 'Bad Request';
  return { status: error.status, code, message: error.message };
}

/** A header holds neither line breaks nor letters beyond ASCII. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400);
}
