// Reading the body of a request whole, within a bound.
import type { HttpRequest } from './exchange.js';
import { HttpError } from './http-error.js';

/** Refuses a body that says it is too large, before any of it is read. @throws HttpError 413 `body_too_large`. */
export function refuseLargeBody(request: HttpRequest, bytesMax: number): void {
  if (Number(request.header('content-length')) > bytesMax) throw bodyTooLarge(bytesMax);
}

export function bodyTooLarge(bytesMax: number): HttpError {
  return new HttpError(413, 'body_too_large', `The body may have up to ${bytesMax} bytes.`);
}

/** The media type of the body, lower case, without parameters; empty when there is none. */
export function mediaType(request: HttpRequest): string {
  return (request.header('content-type').split(';', 1)[0] ?? '').trim().toLowerCase();
}

/** The body, cut off by a 413 as soon as it grows beyond the bound. Iterating throws HttpError 413 `body_too_large`. */
export async function* boundedBody(
  request: HttpRequest,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  refuseLargeBody(request, bytesMax);
  let bytes = 0;
  for await (const piece of request.body) {
    bytes += piece.length;
    if (bytes > bytesMax) throw bodyTooLarge(bytesMax);
    yield piece;
  }
}

/** The whole body. Rejects with HttpError 413 `body_too_large`, or RequestAbortedError. */
export async function readBody(request: HttpRequest, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of boundedBody(request, bytesMax)) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}
