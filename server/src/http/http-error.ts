// A request that cannot be answered as it was meant: thrown by handlers, turned into a response at the edge.
import type { WholeResponse } from './exchange.js';
import { jsonResponse } from './json-response.js';

/** `code` is for programs and stays as it is; `message` is for people and says what to do. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Of the response, such as `retry-after`. */
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An error as the server's own addresses tell it: `{"error":{"code":…,"message":…}}`. The compatible ones have their vendors' shapes. */
export function errorResponse({ status, code, message, headers }: HttpError): WholeResponse {
  return jsonResponse(status, { error: { code, message } }, headers);
}
