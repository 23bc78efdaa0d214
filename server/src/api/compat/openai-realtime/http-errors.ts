// Errors over HTTP as OpenAI's clients read them.
import { randomUUID } from 'node:crypto';
import type { WholeResponse } from '../../../http/exchange.js';
import { HttpError } from '../../../http/http-error.js';
import { jsonResponse } from '../../../http/json-response.js';
import type { Route } from '../../../http/router.js';
import type { Scope } from '../../../access/api-key.js';
import { permitted, type Identity, type Principal, type Refusal } from '../../../access/principal.js';
import { TooManyKeysError } from '../temporary-keys.js';
import { invalidRequest, type RealtimeError } from './events.js';

/** A request that is refused in OpenAI's words. */
export class OpenAiHttpError extends Error {
  override readonly name = 'OpenAiHttpError';
  readonly status: number;
  readonly error: RealtimeError;
  /** Of the response. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: RealtimeError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message);
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** Every answer has one, and the SDKs show it. */
export function requestId(): string {
  return `req_${randomUUID().replaceAll('-', '')}`;
}

/** JSON with the id of the request. */
export function openAiJson(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): WholeResponse {
  return jsonResponse(status, body, { 'x-request-id': requestId(), ...headers });
}

/** @throws OpenAiHttpError 401 where it is nobody, 403 where it may not */
export function requireScope(identity: Identity, scope: Scope): Principal {
  const principal = permitted(identity, scope);
  if (typeof principal !== 'string') return principal;
  throw new OpenAiHttpError(principal === 'forbidden' ? 403 : 401, keyError(principal));
}

/** Why a key does not open something. */
export function keyError(refusal: Refusal): RealtimeError {
  switch (refusal) {
    case 'forbidden':
      return invalidRequest('insufficient_permissions', 'The key does not have the scope that this needs.');
    case 'missing':
      return invalidRequest('invalid_api_key', 'This server requires a key: Authorization: Bearer KEY.');
    case 'unknown':
      return invalidRequest('invalid_api_key', 'The key is not known.');
    case 'expired':
      return invalidRequest('invalid_api_key', 'The client secret has expired.');
  }
}

/** A handler whose errors are told in OpenAI's shape. */
export function openAiHandler(handle: Route['handle']): Route['handle'] {
  return async (call) => {
    try {
      return await handle(call);
    } catch (error) {
      if (error instanceof OpenAiHttpError) return openAiJson(error.status, { error: error.error }, error.headers);
      if (error instanceof TooManyKeysError) {
        const { message, code } = error;
        return openAiJson(429, { error: { type: 'rate_limit_error', code, message, param: null } });
      }
      if (error instanceof HttpError) {
        return openAiJson(error.status, { error: invalidRequest(error.code, error.message) });
      }
      throw error;
    }
  };
}
