// Reading the body of a request within a bound, unpacked where it is compressed.
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
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

/**
 * The body, cut off by a 413 as soon as it grows beyond the bound, compressed or unpacked. Iterating throws HttpError:
 * 413 `body_too_large`, 415 `unsupported_encoding`, 400 `invalid_gzip`.
 */
export async function* boundedBody(
  request: HttpRequest,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  refuseLargeBody(request, bytesMax);
  const sent = bounded(request.body, bytesMax);
  const encoding = request.header('content-encoding').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return yield* sent;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    const message = `The body has the content-encoding "${encoding.slice(0, 40)}": send it as it is, or with gzip.`;
    throw new HttpError(415, 'unsupported_encoding', message, { 'accept-encoding': 'gzip' });
  }
  // Of what is sent too: gzip can hold any number of bytes that unpack to nothing.
  yield* bounded(unpacked(sent), bytesMax);
}

async function* bounded(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  for await (const piece of bytes) {
    count += piece.length;
    if (count > bytesMax) throw bodyTooLarge(bytesMax);
    yield piece;
  }
}

/** A piece at a time: whoever reads slowly has little of it in memory. */
async function* unpacked(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip();
  // Whatever goes wrong, the reader of what is unpacked gets it.
  pipeline(packed, gunzip).catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (!isZlibError(cause)) throw cause;
    throw new HttpError(400, 'invalid_gzip', 'The body is no whole gzip, as its content-encoding says.', {}, { cause });
  }
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}

/** The whole body. Rejects with HttpError 413 `body_too_large`, or RequestAbortedError. */
export async function readBody(request: HttpRequest, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of boundedBody(request, bytesMax)) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}
