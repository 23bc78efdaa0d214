// The transport on uWebSockets.js: the least memory and time per connection, where a native binary for this Node exists.
import { existsSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { readTls, type TlsFiles } from './tls.js';
import {
  closeReason,
  ListenError,
  parseSubprotocols,
  type HttpRequest,
  type HttpResponse,
  type SocketHandlers,
  type Transport,
  type TransportOptions,
  type TransportSocket,
  type UpgradeRequest,
} from './transport.js';

/** Seconds without traffic after which uWS drops a socket by itself: behind the gateway's own pings, it ends sockets whose close goes unanswered. */
const IDLE_TIMEOUT_S = 120;
/** Nothing is published here: a socket that leaves its last topic would lose what uWS has not sent yet of it. */
const KEEPING_TOPIC = 'keep';
/** uSockets: fail when the port is taken instead of sharing it. */
const LISTEN_EXCLUSIVE_PORT = 1;

/** The native library, or undefined where it has no binary for this platform and Node. */
export function loadUws(): UwsLibrary | undefined {
  const binary = findBinary();
  return binary === undefined ? undefined : (createRequire(import.meta.url)(binary) as UwsLibrary);
}

export function createUwsTransport(library: UwsLibrary, options: TransportOptions): Transport {
  return new UwsTransport(library, options);
}

/**
 * The binary is loaded by its path: the package's own entry falls back to a JavaScript server that does not work when there is none. It lies in
 * `binaries/` of the npm alias and in the root of the package that its author publishes.
 */
function findBinary(): string | undefined {
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js/package.json'));
  } catch {
    return undefined;
  }
  return [join(folder, 'binaries', name), join(folder, name)].find((path) => existsSync(path));
}

class UwsTransport implements Transport {
  readonly name = 'uws';
  readonly canPause = false;
  readonly #library: UwsLibrary;
  readonly #options: TransportOptions;
  readonly #app: UwsApp;
  readonly #sockets = new Set<UwsSocket>();
  #listening: ListenToken | undefined;

  constructor(library: UwsLibrary, options: TransportOptions) {
    this.#library = library;
    this.#options = options;
    this.#app = options.tls === undefined ? library.App() : openTls(library, options.tls);
    this.#app.ws('/*', {
      compression: library.DISABLED,
      maxPayloadLength: options.messageBytesMax,
      // The gateway's outbox bounds what waits for a peer; uWS itself must not drop.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_S,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) => this.#upgrade(response, request, context),
      open: (socket) => socket.getUserData().adapter.attach(socket),
      message: (socket, data, isBinary) => socket.getUserData().adapter.receive(data, isBinary),
      drain: (socket) => socket.getUserData().adapter.handlers?.drained(),
      pong: (socket) => socket.getUserData().adapter.handlers?.pong(),
      close: (socket, code) => socket.getUserData().adapter.detach(code),
    });
    this.#app.any('/*', (response, request) => {
      respond(response, options.handlers.request(toRequest(request)), request.getMethod() === 'head');
    });
  }

  async listen(port: number, host: string): Promise<number> {
    const token = await new Promise<ListenToken | false>((resolve) => {
      this.#app.listen(host, port, LISTEN_EXCLUSIVE_PORT, resolve);
    });
    if (token === false) throw new ListenError(await listenFailure(port, host), host, port);
    this.#listening = token;
    return this.#library.us_socket_local_port(token);
  }

  publish(topic: string, data: Uint8Array | string, isBinary: boolean): void {
    this.#app.publish(topic, data, isBinary);
  }

  stopListening(): void {
    if (this.#listening === undefined) return;
    this.#library.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  close(): Promise<void> {
    this.stopListening();
    for (const socket of this.#sockets) socket.terminate();
    return Promise.resolve();
  }

  #upgrade(response: UwsResponse, request: UwsRequest, context: UpgradeContext): void {
    const decision = this.#options.handlers.upgrade(toUpgradeRequest(response, request));
    if (!decision.accepted) return respond(response, decision.response, false);
    const adapter = new UwsSocket(
      text(response.getRemoteAddressAsText()),
      (socket) => decision.open(socket),
      this.#sockets,
    );
    response.upgrade(
      { adapter },
      request.getHeader('sec-websocket-key'),
      decision.subprotocol,
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  }
}

class UwsSocket implements TransportSocket {
  handlers: SocketHandlers | undefined;
  /** Absent before the socket opens and after it closed: uWS throws on a socket that is gone. */
  #socket: UwsWebSocket | undefined;
  #closedCode: number | undefined;

  constructor(
    readonly remoteAddress: string,
    private readonly open: (socket: TransportSocket) => SocketHandlers,
    private readonly registry: Set<UwsSocket>,
  ) {}

  attach(socket: UwsWebSocket): void {
    this.#socket = socket;
    this.registry.add(this);
    const handlers = this.open(this);
    // uWS tells of a close within the call that closes.
    if (this.#closedCode === undefined) this.handlers = handlers;
    else handlers.closed(this.#closedCode);
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    // uWS takes the memory back when this call returns.
    this.handlers?.message(new Uint8Array(data.slice(0)), isBinary);
  }

  detach(code: number): void {
    const handlers = this.handlers;
    this.#closedCode = code;
    this.#socket = undefined;
    this.handlers = undefined;
    this.registry.delete(this);
    handlers?.closed(code);
  }

  get bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  send(data: Uint8Array | string, isBinary: boolean): void {
    this.#socket?.send(data, isBinary);
  }

  ping(): void {
    this.#socket?.ping();
  }

  pause(): void {}

  resume(): void {}

  subscribe(topic: string): void {
    this.#socket?.subscribe(KEEPING_TOPIC);
    this.#socket?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#socket?.unsubscribe(topic);
  }

  close(code: number, reason: string): void {
    this.#socket?.end(code, closeReason(reason));
  }

  terminate(): void {
    this.#socket?.close();
  }
}

/** uWS reads the files itself and says nothing of what is wrong with them. Throws TlsError. */
function openTls(library: UwsLibrary, files: TlsFiles): UwsApp {
  readTls(files);
  return library.SSLApp({ cert_file_name: files.certFile, key_file_name: files.keyFile });
}

/** uWS says only that it failed: a plain listen on the same address says why. */
function listenFailure(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    probe.listen(port, host, () => probe.close(() => resolve('unknown')));
  });
}

function toRequest(request: UwsRequest): HttpRequest {
  // uWS frees the request when the handler returns; the gateway answers within it.
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: new URLSearchParams(request.getQuery()),
    header: (name) => request.getHeader(name),
  };
}

function toUpgradeRequest(response: UwsResponse, request: UwsRequest): UpgradeRequest {
  return {
    ...toRequest(request),
    remoteAddress: text(response.getRemoteAddressAsText()),
    subprotocols: parseSubprotocols(request.getHeader('sec-websocket-protocol')),
  };
}

function respond(response: UwsResponse, answer: HttpResponse, headOnly: boolean): void {
  response.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ''}`);
  response.writeHeader('content-type', answer.contentType);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.writeHeader(name, value);
  // The connection ends with the answer: uWS cannot list idle keep-alive connections, which would hold up a shutdown.
  if (headOnly) {
    // uWS 20 takes a response without a body for one that is still open, and insists on the handler.
    response.onAborted(() => {});
    response.endWithoutBody(Buffer.byteLength(answer.body), true);
  } else {
    response.end(answer.body, true);
  }
}

function text(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Opaque native handles. */
type ListenToken = object;
type UpgradeContext = object;

/** The part of uWebSockets.js 20 that is used here (its own types come with the package, which may be absent). */
export interface UwsLibrary {
  readonly DISABLED: number;
  App(): UwsApp;
  SSLApp(options: { cert_file_name: string; key_file_name: string }): UwsApp;
  us_socket_local_port(token: ListenToken): number;
  us_listen_socket_close(token: ListenToken): void;
}

interface UwsApp {
  ws(pattern: string, behavior: UwsBehavior): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  publish(topic: string, data: Uint8Array | string, isBinary: boolean): boolean;
  listen(host: string, port: number, options: number, done: (token: ListenToken | false) => void): UwsApp;
}

interface UwsBehavior {
  readonly compression: number;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  upgrade(response: UwsResponse, request: UwsRequest, context: UpgradeContext): void;
  open(socket: UwsWebSocket): void;
  message(socket: UwsWebSocket, data: ArrayBuffer, isBinary: boolean): void;
  drain(socket: UwsWebSocket): void;
  pong(socket: UwsWebSocket): void;
  close(socket: UwsWebSocket, code: number): void;
}

interface UwsWebSocket {
  getUserData(): { readonly adapter: UwsSocket };
  send(data: Uint8Array | string, isBinary: boolean): number;
  ping(): number;
  getBufferedAmount(): number;
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  end(code: number, reason: string): void;
  close(): void;
}

interface UwsRequest {
  getMethod(): string;
  getUrl(): string;
  getQuery(): string;
  getHeader(name: string): string;
}

interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  end(body: string, closeConnection: boolean): UwsResponse;
  endWithoutBody(contentLength: number, closeConnection: boolean): UwsResponse;
  onAborted(handler: () => void): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  upgrade(
    data: { adapter: UwsSocket },
    key: string,
    subprotocol: string,
    extensions: string,
    context: UpgradeContext,
  ): void;
}
