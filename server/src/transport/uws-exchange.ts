// One HTTP request and its response on uWebSockets.js.
import { STATUS_CODES } from 'node:http';
import { handleRequest } from './transport.js';
import type { LoopTurn } from './loop-turn.js';
import { RequestBody } from './request-body.js';
import { pumpResponse, type PieceSink } from './response-pump.js';
import type { HttpResponse, RequestHead, WholeResponse } from '../http/exchange.js';
import type { TransportOptions } from './transport.js';
import { STALL_TIMEOUT_MS } from './transport.js';
import type { UwsRequest, UwsResponse } from './uws-library.js';

/** uWS 20 drops a connection whose `content-length` has more digits, as soon as the handler returns. */
const LENGTH_DIGITS_MAX = 9;
/**
 * The spaces take it past the 16 KiB that uWS would hold back until then, so that the client sees it before the
 * connection ends.
 */
const LENGTH_TOO_LARGE = {
  status: 413,
  contentType: 'application/json; charset=utf-8',
  body: `{"error":{"code":"body_too_large","message":"A body of 1 GB or more is too large: send it chunked, or use --transport ws."}}${' '.repeat(17_000)}\n`,
} as const satisfies WholeResponse;

/**
 * uWS drops an HTTP connection when its clock of 10 s (told in steps of 4 s) has run out. Each piece of a body starts
 * it, and so does resuming, even behind the end of the body, while the answer is being worked for. Only a pause stops
 * it. So it is started anew at this interval until there is an answer: who sends speech as it is spoken, waits for his
 * turn or for a long file's text is not dropped. The times that count are bounded by the body and by the response.
 */
const CLOCK_RESTART_MS = 3_000;

/**
 * uWS takes the native request back when its handler returns, and the response when it has ended or was aborted:
 * neither is touched later.
 */
export class UwsExchange implements PieceSink {
  readonly #response: UwsResponse;
  readonly #head: RequestHead;
  readonly #options: TransportOptions;
  readonly #turn: LoopTurn;
  readonly #stallTimeoutMs: number;
  /** Whether the connection is to end with this response. */
  readonly #isLast: () => boolean;
  readonly #body: RequestBody;
  readonly #gone = new AbortController();
  #isOver = false;
  #clock: NodeJS.Timeout | undefined;
  #onWritable: (() => void) | undefined;
  /** Resolves when the response is out, or nobody is left to take it. */
  readonly #done: Promise<void>;
  #resolveDone: () => void = () => {};

  constructor(
    response: UwsResponse,
    request: UwsRequest,
    options: TransportOptions,
    turn: LoopTurn,
    isLast: () => boolean,
  ) {
    this.#response = response;
    this.#head = headOf(response, request);
    this.#options = options;
    this.#turn = turn;
    this.#stallTimeoutMs = options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
    this.#isLast = isLast;
    this.#done = new Promise((resolve) => (this.#resolveDone = resolve));
    this.#body = new RequestBody(
      {
        pause: () => {
          this.#touch(() => response.pause());
          this.#keepWaiting();
        },
        resume: () => this.#touch(() => response.resume()),
        stalled: () => setTimeout(() => this.drop(), this.#stallTimeoutMs).unref(),
      },
      this.#stallTimeoutMs,
    );
    response.onAborted(() => {
      this.#over();
      this.#gone.abort();
      this.#body.abort();
    });
    response.onData((piece, isLast) => {
      this.#body.push(new Uint8Array(piece.slice(0)));
      if (isLast) this.#body.complete();
      else this.#keepWaiting();
    });
  }

  async run(): Promise<void> {
    const { handlers } = this.#options;
    if (this.#head.header('content-length').length > LENGTH_DIGITS_MAX) return this.#respondWhole(LENGTH_TOO_LARGE);
    try {
      const turn = this.#turn.enter(this.#head.remoteAddress);
      if (turn !== undefined) await turn;
      if (this.#isOver) return;
      // Not awaited where it is there: a scrape of the metrics costs no turn of the event loop.
      const request = { ...this.#head, body: this.#body, signal: this.#gone.signal };
      const answer = handleRequest(request, handlers);
      await this.#respond(answer instanceof Promise ? await answer : answer);
    } catch (error) {
      handlers.failed(error);
    }
  }

  write(piece: string | Uint8Array): boolean {
    let hasRoom = true;
    this.#touch(() => {
      hasRoom = this.#response.write(piece);
    });
    return hasRoom;
  }

  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWritable = resolve;
    });
  }

  end(): void {
    this.#finish(() => this.#response.end('', this.#isLast()));
  }

  drop(): void {
    if (!this.#isOver) this.#response.close();
  }

  async #respond(answer: HttpResponse): Promise<void> {
    const { body } = answer;
    if (typeof body === 'string' || body instanceof Uint8Array) return this.#respondWhole({ ...answer, body });
    if (this.#head.method === 'HEAD') {
      return this.#finish(() => {
        writeHead(this.#response, answer);
        this.#response.endWithoutBody(undefined, this.#isLast());
      });
    }
    this.#response.onWritable(() => {
      this.#onWritable?.();
      return true;
    });
    this.#touch(() => writeHead(this.#response, answer));
    await pumpResponse(body, this, this.#gone.signal, this.#stallTimeoutMs);
  }

  /**
   * uWS would keep what the client does not take, of every answer that it asks for on a connection: so the rest of a
   * body stays here, and uWS drops a connection that asks for more meanwhile, as it does one that takes nothing for 10
   * s.
   */
  async #respondWhole(answer: HttpResponse & { readonly body: string | Uint8Array }): Promise<void> {
    const { body } = answer;
    const bytes = Buffer.byteLength(body);
    const isLast = this.#isLast() || answer.headers?.['connection'] === 'close';
    if (this.#head.method === 'HEAD' || isLast || bytes === 0) {
      return this.#finish(() => {
        writeHead(this.#response, answer);
        if (this.#head.method === 'HEAD') this.#response.endWithoutBody(bytes, isLast);
        else this.#response.end(body, isLast);
      });
    }
    if (this.#isOver) return;
    this.#body.discard();
    clearInterval(this.#clock);
    let isSent = false;
    this.#response.cork(() => {
      writeHead(this.#response, answer);
      [, isSent] = this.#response.tryEnd(body, bytes);
    });
    if (isSent) return this.#over();
    const rest = Buffer.from(body);
    this.#response.onWritable((offset) => {
      const [hasRoom, isDone] = this.#response.tryEnd(rest.subarray(offset), bytes);
      if (isDone) this.#over();
      return hasRoom;
    });
    await this.#done;
  }

  /** What is left of the body is read past by uWS, so that a client that is still sending gets to see the response. */
  #finish(end: () => void): void {
    if (this.#isOver) return;
    this.#body.discard();
    this.#response.cork(end);
    this.#over();
  }

  #over(): void {
    this.#isOver = true;
    clearInterval(this.#clock);
    this.#resolveDone();
  }

  #keepWaiting(): void {
    if (this.#isOver) return;
    this.#clock ??= setInterval(() => {
      this.#response.pause();
      if (!this.#body.isPaused) this.#response.resume();
    }, CLOCK_RESTART_MS);
  }

  #touch(write: () => void): void {
    if (!this.#isOver) this.#response.cork(write);
  }
}

export function headOf(response: UwsResponse, request: UwsRequest): RequestHead {
  const headers = new Map<string, string>();
  request.forEach((name, value) => {
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  });
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: new URLSearchParams(request.getQuery()),
    remoteAddress: Buffer.from(response.getRemoteAddressAsText()).toString('latin1'),
    header: (name) => headers.get(name) ?? '',
  };
}

/** The answer to an upgrade that is not made. */
export function refuse(response: UwsResponse, answer: WholeResponse): void {
  writeHead(response, answer);
  response.end(answer.body, true);
}

function writeHead(response: UwsResponse, answer: HttpResponse): void {
  response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ''}`);
  if (answer.contentType !== '') response.writeHeader('content-type', answer.contentType);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.writeHeader(name, value);
}
