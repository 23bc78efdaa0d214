// The transport on `ws` and node:http: runs on every Node, and can really stop reading from a peer.
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer, type RawData, type ServerOptions } from 'ws';
import { admitPipelined, headersOf, headOf, NodeExchange } from './node-exchange.js';
import { readTls } from './tls.js';
import { watchTls } from './tls-watch.js';
import type { WholeResponse } from '../http/exchange.js';
import {
  closeReason,
  ListenError,
  parseSubprotocols,
  type SocketHandlers,
  type Transport,
  type TransportOptions,
  type TransportSocket,
  type UpgradeDecision,
} from './transport.js';

export function createWsTransport(options: TransportOptions): Transport {
  return new WsTransport(options);
}

class WsTransport implements Transport {
  readonly name = 'ws';
  readonly canPause = true;
  readonly #options: TransportOptions;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #topics: Topics = new Map();
  readonly #requests = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;
  readonly #stopWatching: () => void = () => undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    // `closeTimeout` and `autoPong` are newer than the published types.
    const settings: ServerOptions & { closeTimeout: number; autoPong: false } = {
      noServer: true,
      maxPayload: options.messageBytesMax,
      closeTimeout: options.closeTimeoutMs,
      perMessageDeflate: false,
      // Answered in `attach`, which tells when the answer was taken.
      autoPong: false,
      // The protocol is chosen by the gateway before the upgrade and carried on the request.
      handleProtocols: (_offered, request) => acceptances.get(request)?.subprotocol || false,
    };
    this.#webSockets = new WebSocketServer(settings);
    this.#webSockets.on('headers', (lines, request) => {
      for (const [name, value] of Object.entries(acceptances.get(request)?.headers ?? {}))
        lines.push(`${name}: ${value}`);
    });
    const serve = (request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean): void => {
      if (!admitPipelined(request, response)) return;
      this.#track(new NodeExchange(request, response, options, waitsForContinue).run());
    };
    const listener: RequestListener = (request, response) => serve(request, response, false);
    // Uploads take as long as they take; a client that stalls is noticed by its body.
    const limits = { requestTimeout: 0 };
    if (options.tls === undefined) {
      this.#http = createServer(limits, listener);
    } else {
      const secure = createTlsServer({ ...readTls(options.tls), ...limits }, listener);
      this.#http = secure;
      this.#stopWatching = watchTls(
        options.tls,
        {
          renew: (pair) => {
            secure.setSecureContext(pair);
            options.handlers.certificateChanged?.();
          },
          refused: (error) => options.handlers.certificateChanged?.(error),
        },
        options.tlsLookMs,
      );
    }
    this.#http.on('checkContinue', (request, response) => serve(request, response, true));
    this.#http.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void =>
        reject(new ListenError(cause.code ?? 'unknown', host, port, { cause }));
      this.#http.once('error', failed);
      // Newer than the published types; where Node has it not, nothing shares a port (choose-transport.ts).
      const where: ListenOptions & { reusePort: boolean } = {
        port,
        host,
        reusePort: this.#options.sharesPort === true,
      };
      this.#http.listen(where, () => {
        this.#http.off('error', failed);
        resolve((this.#http.address() as AddressInfo).port);
      });
    });
  }

  publish(topic: string, data: Uint8Array | string, isBinary: boolean): void {
    for (const socket of this.#topics.get(topic) ?? []) socket.send(data, isBinary);
  }

  async requestsDone(): Promise<void> {
    while (this.#requests.size > 0) await Promise.all(this.#requests);
  }

  stopListening(): void {
    if (!this.#http.listening) return;
    this.#http.close();
    this.#http.closeIdleConnections();
  }

  close(): Promise<void> {
    this.#stopWatching();
    this.#closing ??= new Promise((resolve) => {
      this.#http.once('close', resolve);
      if (this.#http.listening) this.#http.close();
      else resolve();
      for (const socket of this.#webSockets.clients) socket.terminate();
      this.#http.closeAllConnections();
    });
    return this.#closing;
  }

  #track(request: Promise<void>): void {
    const done = request.finally(() => this.#requests.delete(done));
    this.#requests.add(done);
  }

  #upgrade(request: IncomingMessage, stream: Duplex, firstBytes: Buffer): void {
    stream.on('error', () => stream.destroy());
    const head = headOf(request);
    const subprotocols = parseSubprotocols(head.header('sec-websocket-protocol'));
    const decision = this.#options.handlers.upgrade({ ...head, subprotocols });
    if (!decision.accepted) return refuse(stream, decision.response);
    acceptances.set(request, decision);
    this.#webSockets.handleUpgrade(request, stream, firstBytes, (socket) => {
      const adapter = new WsSocket(socket, request.socket.remoteAddress ?? '', this.#topics);
      adapter.attach(decision.open(adapter));
    });
  }
}

/** Who listens to what; a topic that nobody listens to is not in it. */
type Topics = Map<string, Set<WsSocket>>;

const acceptances = new WeakMap<IncomingMessage, Extract<UpgradeDecision, { accepted: true }>>();

class WsSocket implements TransportSocket {
  readonly #socket: WebSocket;
  #handlers: SocketHandlers | undefined;
  readonly #subscriptions = new Set<string>();
  /** Told of every write, not only when the stream was beyond its high-water mark: below it there is no 'drain'. */
  readonly #onWritten = (): void => {
    if (this.#socket.readyState === WebSocket.OPEN) this.#handlers?.drained();
  };
  readonly remoteAddress: string;
  readonly #topics: Topics;

  constructor(socket: WebSocket, remoteAddress: string, topics: Topics) {
    this.remoteAddress = remoteAddress;
    this.#topics = topics;
    this.#socket = socket;
  }

  attach(handlers: SocketHandlers): void {
    this.#socket.on('message', (data, isBinary) => {
      if (this.#socket.readyState === WebSocket.OPEN) handlers.message(toBytes(data), isBinary);
    });
    this.#socket.on('pong', () => handlers.pong());
    this.#socket.on('ping', (data) => {
      this.#socket.pong(data, false, this.#onWritten);
      handlers.pinged();
    });
    this.#socket.on('close', (code) => {
      for (const topic of this.#subscriptions) this.unsubscribe(topic);
      handlers.closed(code);
    });
    // Always followed by 'close', with the code that the library chose (1002, 1007, 1009, 1006).
    this.#socket.on('error', () => {});
    this.#handlers = handlers;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: Uint8Array | string, isBinary: boolean): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data, { binary: isBinary }, this.#onWritten);
  }

  ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  subscribe(topic: string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#subscriptions.add(topic);
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners.add(this));
  }

  unsubscribe(topic: string): void {
    this.#subscriptions.delete(topic);
    const listeners = this.#topics.get(topic);
    listeners?.delete(this);
    if (listeners?.size === 0) this.#topics.delete(topic);
  }

  close(code: number, reason: string): void {
    // The peer's close frame must be read.
    this.#socket.resume();
    this.#socket.close(code, closeReason(reason));
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

function toBytes(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function refuse(stream: Duplex, response: WholeResponse): void {
  const headers = {
    ...headersOf(response),
    'content-length': Buffer.byteLength(response.body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ''}\r\n${lines.join('')}\r\n${response.body}`,
  );
}
