// The transport on uWebSockets.js: the least memory and time per connection, where a native binary for this Node
// exists.
import { freePort } from './free-port.js';
import { LoopTurn } from './loop-turn.js';
import { readTls, type TlsFiles } from './tls.js';
import { watchTls } from './tls-watch.js';
import { setTimeout as delay } from 'node:timers/promises';
import {
  closeReason,
  ListenError,
  parseSubprotocols,
  type SocketHandlers,
  type Transport,
  type TransportOptions,
  type TransportSocket,
} from './transport.js';
import { headOf, refuse, UwsExchange } from './uws-exchange.js';
import type {
  ListenToken,
  UpgradeContext,
  UwsApp,
  UwsLibrary,
  UwsRequest,
  UwsResponse,
  UwsWebSocket,
} from './uws-library.js';

/**
 * Seconds without traffic after which uWS drops a socket by itself: behind the gateway's own pings, it ends sockets
 * whose close goes unanswered.
 */
const IDLE_TIMEOUT_S = 120;
/** Nothing is published here: a socket that leaves its last topic would lose what uWS has not sent yet of it. */
const KEEPING_TOPIC = 'keep';
/** uSockets: fail when the port is taken instead of sharing it. */
const LISTEN_EXCLUSIVE_PORT = 1;
const LISTEN_SHARED_PORT = 0;

/**
 * How long a socket may still be read after its close frame was queued, milliseconds: where one is closed with audio in
 * it that nobody has read, the system resets the connection, and a client that is sending never sees the frame. Of 20
 * that sent all the time 1 to 4 did not.
 */
const LINGER_MS = 300;

/** Certificates whose connections may still be open; those of an older one are dropped. */
const APPS_MAX = 4;

export { findUws, loadUws } from './uws-library.js';

export function createUwsTransport(library: UwsLibrary, options: TransportOptions): Transport {
  return new UwsTransport(library, options);
}

class UwsTransport implements Transport {
  readonly name = 'uws';
  readonly canPause = false;
  readonly #library: UwsLibrary;
  readonly #options: TransportOptions;
  /** The last one takes connections; with TLS there may be others, with certificates of before. */
  readonly #apps: UwsApp[];
  readonly #stopWatching: () => void = () => undefined;
  #host = '';
  #port = 0;
  readonly #sockets = new Set<UwsSocket>();
  readonly #requests = new Set<Promise<void>>();
  readonly #turn = new LoopTurn();
  /** When a socket was ended last, by `performance.now()`. */
  #endedAt = -Infinity;
  #listening: ListenToken | undefined;

  constructor(library: UwsLibrary, options: TransportOptions) {
    this.#library = library;
    this.#options = options;
    this.#apps = [this.#openApp()];
    if (options.tls === undefined) return;
    this.#stopWatching = watchTls(
      options.tls,
      {
        renew: () => void this.#renew(),
        refused: (error) => options.handlers.certificateChanged?.(error),
      },
      options.tlsLookMs,
    );
  }

  /** One server of the library: its certificate is that of the moment at which it is made. */
  #openApp(): UwsApp {
    const { tls, messageBytesMax } = this.#options;
    const app = tls === undefined ? this.#library.App() : openTls(this.#library, tls);
    app.ws<UserData>('/*', {
      compression: this.#library.DISABLED,
      maxPayloadLength: messageBytesMax,
      // The gateway's outbox bounds what waits for a peer; uWS itself must not drop.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_S,
      sendPingsAutomatically: false,
      upgrade: (response, request, context) => this.#upgrade(response, request, context),
      open: (socket) => socket.getUserData().adapter.attach(socket),
      message: (socket, data, isBinary) => socket.getUserData().adapter.receive(data, isBinary),
      drain: (socket) => socket.getUserData().adapter.drained(),
      ping: (socket) => socket.getUserData().adapter.pinged(),
      pong: (socket) => socket.getUserData().adapter.handlers?.pong(),
      close: (socket, code) => socket.getUserData().adapter.detach(code),
    });
    app.any('/*', (response, request) => {
      this.#track(
        new UwsExchange(response, request, this.#options, this.#turn, () => this.#listening === undefined).run(),
      );
    });
    return app;
  }

  async listen(port: number, host: string): Promise<number> {
    const mustLook = this.#isShared && this.#options.sharesPort !== true;
    await this.#listen(mustLook ? await freePort(port, host) : port, host);
    return this.#port;
  }

  /** With TLS the port is shared with whoever takes this server's place, so that others must be looked for first. */
  get #isShared(): boolean {
    return this.#options.tls !== undefined || this.#options.sharesPort === true;
  }

  async #listen(port: number, host: string): Promise<void> {
    const token = await new Promise<ListenToken | false>((resolve) => {
      this.#apps.at(-1)?.listen(host, port, this.#isShared ? LISTEN_SHARED_PORT : LISTEN_EXCLUSIVE_PORT, resolve);
    });
    if (token === false) {
      // uWS says only that it failed: a plain listen on the same address says why.
      await freePort(port, host);
      throw new ListenError('unknown', host, port);
    }
    this.#listening = token;
    this.#host = host;
    this.#port = this.#library.us_socket_local_port(token);
  }

  /**
   * The library cannot change the certificate of a server: another takes its place at the same address. Connections of
   * the one before live on there.
   */
  async #renew(): Promise<void> {
    const { handlers } = this.#options;
    try {
      const before = this.#listening;
      this.#apps.push(this.#openApp());
      if (before !== undefined) {
        await this.#listen(this.#port, this.#host);
        this.#library.us_listen_socket_close(before);
      }
      if (this.#apps.length > APPS_MAX) this.#apps.shift()?.close();
      handlers.certificateChanged?.();
    } catch (error) {
      handlers.failed(error);
    }
  }

  publish(topic: string, data: Uint8Array | string, isBinary: boolean): void {
    for (const app of this.#apps) app.publish(topic, data, isBinary);
  }

  async requestsDone(): Promise<void> {
    while (this.#requests.size > 0) await Promise.all(this.#requests);
  }

  stopListening(): void {
    if (this.#listening === undefined) return;
    this.#library.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  async close(): Promise<void> {
    this.#stopWatching();
    this.stopListening();
    for (const socket of this.#sockets) socket.terminate();
    const lingers = this.#endedAt + LINGER_MS - performance.now();
    if (lingers > 0) await delay(lingers);
    // What is left are HTTP connections, and sockets that were ended.
    for (const app of this.#apps.splice(0)) app.close();
  }

  #track(request: Promise<void>): void {
    const done = request.finally(() => this.#requests.delete(done));
    this.#requests.add(done);
  }

  #upgrade(response: UwsResponse, request: UwsRequest, context: UpgradeContext): void {
    const head = headOf(response, request);
    const subprotocols = parseSubprotocols(head.header('sec-websocket-protocol'));
    const decision = this.#options.handlers.upgrade({ ...head, subprotocols });
    if (!decision.accepted) return refuse(response, decision.response);
    const headers = Object.entries(decision.headers ?? {});
    // uWS writes the status line by itself, but only in front of its own headers.
    if (headers.length > 0) response.writeStatus('101 Switching Protocols');
    for (const [name, value] of headers) response.writeHeader(name, value);
    const adapter = new UwsSocket(
      head.remoteAddress,
      (socket) => decision.open(socket),
      this.#sockets,
      this.#options.closeTimeoutMs,
      () => (this.#endedAt = performance.now()),
    );
    response.upgrade<UserData>(
      { adapter },
      request.getHeader('sec-websocket-key'),
      decision.subprotocol,
      request.getHeader('sec-websocket-extensions'),
      context,
    );
  }
}

interface UserData {
  readonly adapter: UwsSocket;
}

class UwsSocket implements TransportSocket {
  handlers: SocketHandlers | undefined;
  /** Absent before the socket opens and after it closed: uWS throws on a socket that is gone. */
  #socket: UwsWebSocket<UserData> | undefined;
  #closedCode: number | undefined;
  /** Waits for the rest to be taken before the close frame. */
  #closing: { readonly code: number; readonly reason: string; readonly limit: NodeJS.Timeout } | undefined;
  readonly remoteAddress: string;
  readonly #open: (socket: TransportSocket) => SocketHandlers;
  readonly #registry: Set<UwsSocket>;
  readonly #closeTimeoutMs: number;
  readonly #onEnd: () => void;

  constructor(
    remoteAddress: string,
    open: (socket: TransportSocket) => SocketHandlers,
    registry: Set<UwsSocket>,
    closeTimeoutMs: number,
    onEnd: () => void,
  ) {
    this.remoteAddress = remoteAddress;
    this.#open = open;
    this.#registry = registry;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#onEnd = onEnd;
  }

  attach(socket: UwsWebSocket<UserData>): void {
    this.#socket = socket;
    this.#registry.add(this);
    const handlers = this.#open(this);
    // uWS tells of a close within the call that closes.
    if (this.#closedCode === undefined) this.handlers = handlers;
    else handlers.closed(this.#closedCode);
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    if (this.#closing !== undefined) return;
    // uWS takes the memory back when this call returns. Small messages share memory: each in its own is much garbage.
    const { buffer, byteOffset, byteLength } = Buffer.from(new Uint8Array(data));
    this.handlers?.message(new Uint8Array(buffer, byteOffset, byteLength), isBinary);
  }

  detach(code: number): void {
    const handlers = this.handlers;
    this.#closedCode = code;
    this.#socket = undefined;
    clearTimeout(this.#closing?.limit);
    this.handlers = undefined;
    this.#registry.delete(this);
    handlers?.closed(code);
  }

  pinged(): void {
    if (this.#closing === undefined) this.handlers?.pinged();
  }

  get bufferedBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  send(data: Uint8Array | string, isBinary: boolean): void {
    if (this.#closing === undefined) this.#socket?.send(data, isBinary);
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

  /**
   * uWS forgets a socket when its close frame is queued, and drops it about 16 s after that: so the frame is queued
   * when all else is out, and who does not take that in time is dropped while it can be.
   */
  close(code: number, reason: string): void {
    if (this.#closing !== undefined) return;
    if (this.bufferedBytes === 0) return this.#end(code, reason);
    const limit = setTimeout(() => this.terminate(), this.#closeTimeoutMs);
    this.#closing = { code, reason, limit };
  }

  drained(): void {
    if (this.#closing === undefined) return this.handlers?.drained();
    const { code, reason } = this.#closing;
    if (this.bufferedBytes === 0) this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    this.#onEnd();
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
