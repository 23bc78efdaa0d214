// Requests as a transport would hand them on, for tests of what reads them.
import type { HttpRequest } from '../../server/src/http/exchange.js';

export interface RequestShape {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export function httpRequest({
  method = 'GET',
  path = '/',
  headers = {},
  body = '',
  signal,
}: RequestShape): HttpRequest {
  const mark = path.indexOf('?');
  return {
    method,
    path: mark < 0 ? path : path.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1)),
    remoteAddress: '127.0.0.1',
    header: (name) => headers[name] ?? '',
    body: typeof body === 'string' || body instanceof Uint8Array ? once(Buffer.from(body)) : body,
    signal: signal ?? new AbortController().signal,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The whole body of a response. */
export async function bodyText(body: string | Uint8Array | AsyncIterable<string | Uint8Array>): Promise<string> {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  let text = '';
  for await (const piece of body) text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
  return text;
}
