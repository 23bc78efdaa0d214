// JSON as a response.
import type { WholeResponse } from './exchange.js';

export const JSON_CONTENT_TYPE = 'application/json; charset=utf-8';

/** Not kept by caches, unless `headers` says otherwise. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): WholeResponse {
  return {
    status,
    contentType: JSON_CONTENT_TYPE,
    body: `${JSON.stringify(value)}\n`,
    headers: { 'cache-control': 'no-store', ...headers },
  };
}
