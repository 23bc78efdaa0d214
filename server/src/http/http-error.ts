// A request that cannot be answered as it was meant: thrown by handlers, turned into a response at the edge.
import { CodedError } from '@sotto/protocol';
import type { WholeResponse } from './exchange.js';
import { jsonResponse } from './json-response.js';

/** `code` is for programs and stays as it is; `message` is for people and says what to do. */
export class HttpError extends CodedError {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Of the response, such as `retry-after`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * An error as the server's own addresses tell it: `{"error":{"code":…,"message":…}}`. The compatible ones have their
 * vendors' shapes.
 */
export function errorResponse({ status, code, message, headers }: HttpError): WholeResponse {
  return jsonResponse(status, { error: { code, message } }, headers);
}
