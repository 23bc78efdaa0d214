// A transport that answers HTTP for the parts of its contract, and clients of it.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { HttpRequest, HttpResponse } from '../../../server/src/http/exchange.js';
import type { TransportOptions } from '../../../server/src/transport/transport.js';
import type { Create } from './sockets.js';

export const MEBIBYTE = 1_048_576;

type Handle = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** A server with what it was told of failures. */
export async function serve(t: Test, create: Create, request: Handle, options: Partial<TransportOptions> = {}) {
  const failures: unknown[] = [];
  const transport = create({
    handlers: {
      request,
      upgrade: () => ({ accepted: false, response: { status: 404, contentType: 'text/plain', body: '' } }),
      failed: (error) => failures.push(error),
    },
    messageBytesMax: MEBIBYTE,
    closeTimeoutMs: 500,
    ...options,
  });
  const port = await transport.listen(0, '127.0.0.1');
  t.teardown(() => transport.close());
  return { transport, port, http: `http://127.0.0.1:${port}`, failures };
}

export function text(body: string): HttpResponse {
  return { status: 200, contentType: 'text/plain', body };
}

/** Length and a checksum. */
export async function digest(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  let length = 0;
  const sum = createHash('sha1');
  for await (const piece of body) {
    length += piece.length;
    sum.update(piece);
  }
  return `${length}:${sum.digest('hex')}`;
}

/** Bytes of which no two stretches are alike. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}

/** The bytes in pieces of a size, with a pause before each. */
export async function* pieces(bytes: Uint8Array, size: number, pauseMs = 0): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    if (pauseMs > 0) await delay(pauseMs);
    yield bytes.subarray(at, at + size);
  }
}

export async function post(url: string, body: Uint8Array | AsyncGenerator<Uint8Array>): Promise<string> {
  const isStream = !(body instanceof Uint8Array);
  const init: RequestInit & { duplex?: 'half' } = { method: 'POST', body: isStream ? ReadableStream.from(body) : body };
  const response = await fetch(url, isStream ? { ...init, duplex: 'half' } : init);
  return response.text();
}

export async function open(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** What comes until head and body of known length are complete. */
export async function answerOf(socket: Socket): Promise<string> {
  let got = '';
  while (!isWhole(got)) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    got += String(data);
  }
  return got;
}

function isWhole(answer: string): boolean {
  const final = answer.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '');
  const end = final.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(final)?.[1];
  return end >= 0 && length !== undefined && final.length >= end + 4 + Number(length);
}
