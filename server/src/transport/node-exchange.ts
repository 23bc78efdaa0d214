// One HTTP request and its response on node:http.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { handleRequest } from './transport.js';
import { RequestBody } from './request-body.js';
import { pumpResponse, type PieceSink } from './response-pump.js';
import type { HttpResponse, RequestHead } from '../http/exchange.js';
import { STALL_TIMEOUT_MS, type TransportOptions } from './transport.js';

export class NodeExchange implements PieceSink {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: TransportOptions;
  readonly #stallTimeoutMs: number;
  readonly #body: RequestBody;
  readonly #gone = new AbortController();
  /** Whether the client sends its body only when it is told to. */
  #waitsForContinue: boolean;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: TransportOptions,
    waitsForContinue: boolean,
  ) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
    this.#waitsForContinue = waitsForContinue;
    this.#body = new RequestBody(
      {
        pause: () => request.pause(),
        resume: () => request.resume(),
        started: () => this.#continue(),
        stalled: () => this.#dropLater(),
      },
      this.#stallTimeoutMs,
    );
    request.on('data', (piece: Buffer) => this.#body.push(piece));
    request.on('end', () => this.#body.complete());
    // Always followed by the close of the response.
    request.on('error', () => {});
    response.on('error', () => {});
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#gone.abort();
      this.#body.abort();
    });
  }

  async run(): Promise<void> {
    const { handlers } = this.#options;
    try {
      const request = { ...headOf(this.#request), body: this.#body, signal: this.#gone.signal };
      await this.#respond(await handleRequest(request, handlers));
    } catch (error) {
      handlers.failed(error);
    }
  }

  write(piece: string | Uint8Array): boolean {
    // An empty piece would be taken for the end of a chunked body by some readers of the raw stream.
    return piece.length === 0 || this.#response.write(piece);
  }

  writable(): Promise<void> {
    return new Promise((resolve) => this.#response.once('drain', resolve));
  }

  end(): void {
    this.#finish(() => this.#response.end());
  }

  drop(): void {
    this.#gone.abort();
    this.#request.socket.destroy();
  }

  async #respond(answer: HttpResponse): Promise<void> {
    const { body } = answer;
    if (this.#gone.signal.aborted) return;
    const isWhole = typeof body === 'string' || body instanceof Uint8Array;
    this.#response.writeHead(answer.status, {
      ...headersOf(answer),
      ...(isWhole && { 'content-length': Buffer.byteLength(body) }),
      // A client that was never told to send its body must not take the connection for free.
      ...(this.#waitsForContinue && { connection: 'close' }),
    });
    if (isWhole) return this.#finish(() => this.#response.end(body));
    if (this.#request.method === 'HEAD') return this.end();
    this.#response.flushHeaders();
    await pumpResponse(body, this, this.#gone.signal, this.#stallTimeoutMs);
  }

  /**
   * What is left of the body is read past for a while, so that a client that is still sending gets to see the response.
   */
  #finish(end: () => void): void {
    this.#body.discard();
    end();
    this.#dropUnread();
    if (this.#request.complete || this.#waitsForContinue) return;
    this.#request.once('end', this.#dropLater());
  }

  /** Drops the connection once it has had as long as a client may be silent. Returns what prevents that. */
  #dropLater(): () => void {
    const limit = setTimeout(() => this.drop(), this.#stallTimeoutMs).unref();
    const cancel = (): void => clearTimeout(limit);
    this.#request.once('close', cancel);
    return cancel;
  }

  /** A client that takes nothing of its answer for too long is dropped, with what waits for it. */
  #dropUnread(): void {
    const response = this.#response;
    if (response.writableFinished) return;
    let taken = this.#request.socket.bytesWritten;
    const limit = setInterval(() => {
      const { bytesWritten } = this.#request.socket;
      if (bytesWritten === taken) this.drop();
      taken = bytesWritten;
    }, this.#stallTimeoutMs).unref();
    response.once('close', () => clearInterval(limit));
  }

  #continue(): void {
    if (!this.#waitsForContinue) return;
    this.#waitsForContinue = false;
    this.#response.writeContinue();
  }
}

/**
 * Requests that one connection may send before it has its answers (pipelining); uWebSockets.js allows one. Beyond: the
 * connection is dropped.
 */
export const PIPELINED_MAX = 16;

const unanswered = new WeakMap<Socket, number>();

/**
 * Counts a request of a connection; false where it is one too many. One read of a socket holds a thousand requests, all
 * of them before anybody else's.
 */
export function admitPipelined({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (socket.destroyed) return false;
  const count = (unanswered.get(socket) ?? 0) + 1;
  if (count > PIPELINED_MAX) {
    socket.destroy();
    return false;
  }
  unanswered.set(socket, count);
  response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
  return true;
}

export function headOf(request: IncomingMessage): RequestHead {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    remoteAddress: request.socket.remoteAddress ?? '',
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : (value ?? '');
    },
  };
}

export function headersOf(response: HttpResponse): Record<string, string> {
  return { ...response.headers, ...(response.contentType !== '' && { 'content-type': response.contentType }) };
}
