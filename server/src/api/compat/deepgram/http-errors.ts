// Refusals over HTTP as Deepgram words them.
import { randomUUID } from 'node:crypto';
import type { WholeResponse } from '../../../http/exchange.js';
import { HttpError } from '../../../http/http-error.js';
import { jsonResponse } from '../../../http/json-response.js';
import type { Route } from '../../../http/router.js';
import type { Scope } from '../../../access/api-key.js';
import { permitted, type Identity, type Principal } from '../../../access/principal.js';
import { TooManyKeysError } from '../temporary-keys.js';
import { ListenQueryError } from './listen-options.js';

export interface DeepgramError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const INVALID_AUTH: DeepgramError = { status: 401, code: 'INVALID_AUTH', message: 'Invalid credentials.' };
const FORBIDDEN: DeepgramError = {
  status: 403,
  code: 'INSUFFICIENT_PERMISSIONS',
  message: 'The key does not have the required scopes.',
};

/** A request that is refused in Deepgram's words. */
export class DeepgramHttpError extends Error {
  override readonly name = 'DeepgramHttpError';
  readonly error: DeepgramError;

  constructor(error: DeepgramError, options?: ErrorOptions) {
    super(error.message, options);
    this.error = error;
  }
}

/** @throws DeepgramHttpError 401 where it is nobody */
export function requirePrincipal(identity: Identity): Principal {
  if (typeof identity === 'string') throw new DeepgramHttpError(INVALID_AUTH);
  return identity;
}

/** @throws DeepgramHttpError 401 where it is nobody, 403 where it may not */
export function requireScope(identity: Identity, scope: Scope): Principal {
  if (permitted(identity, scope) === 'forbidden') throw new DeepgramHttpError(FORBIDDEN);
  return requirePrincipal(identity);
}

/** The body of the error, and the headers in which the SDKs look for it. */
export function deepgramError({ status, code, message }: DeepgramError, requestId: string): WholeResponse {
  return jsonResponse(
    status,
    { err_code: code, err_msg: message, request_id: requestId },
    { 'dg-request-id': requestId, 'dg-error': headerText(message), ...(status === 503 ? { 'retry-after': '1' } : {}) },
  );
}

/** Why no socket is opened now. */
export function deepgramUnavailable(reason: 'full' | 'draining'): WholeResponse {
  const message = reason === 'full' ? 'All connections are taken.' : 'The server is shutting down.';
  return deepgramError({ status: 503, code: 'SERVICE_UNAVAILABLE', message }, randomUUID());
}

/** What a request or an upgrade failed with, in Deepgram's shape; throws what is none of ours. */
export function deepgramRefusal(error: unknown, requestId: string): WholeResponse {
  const known = errorOf(error);
  if (known === undefined) throw error;
  return deepgramError(known, requestId);
}

/** A handler whose errors are told in Deepgram's shape. */
export function deepgramHandler(handle: Route['handle']): Route['handle'] {
  return async (call) => {
    try {
      return await handle(call);
    } catch (error) {
      return deepgramRefusal(error, randomUUID());
    }
  };
}

function errorOf(error: unknown): DeepgramError | undefined {
  if (error instanceof DeepgramHttpError) return error.error;
  if (error instanceof ListenQueryError) return { status: 400, code: error.code, message: error.message };
  if (error instanceof TooManyKeysError) return { status: 429, code: 'TOO_MANY_REQUESTS', message: error.message };
  if (!(error instanceof HttpError)) return undefined;
  return { status: error.status, code: CODES[error.status] ?? 'Bad Request', message: error.message };
}

const CODES: Readonly<Record<number, string>> = { 413: 'PAYLOAD_TOO_LARGE', 429: 'TOO_MANY_REQUESTS' };

/** A header holds neither line breaks nor letters beyond ASCII. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400);
}
