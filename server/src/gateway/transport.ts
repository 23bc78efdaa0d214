// The smallest shape of an HTTP and WebSocket server that the gateway needs; one contract suite holds every implementation to it.
import type { TlsFiles } from './tls.js';

/** One accepted WebSocket. After its `closed` handler ran, every method does nothing. */
export interface TransportSocket {
  /** Address of the peer, as text. */
  readonly remoteAddress: string;
  /** Bytes taken by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Queues one message. Never blocks and never drops: the caller watches `bufferedBytes`. */
  send(data: Uint8Array | string, isBinary: boolean): void;
  /** Sends a WebSocket ping; the peer's answer comes to the `pong` handler. */
  ping(): void;
  /**
   * Stops reading from the peer, so that its sends fill the kernel's buffers and wait. Only where {@link Transport.canPause}; elsewhere it does
   * nothing. A few messages that were already read may still arrive.
   */
  pause(): void;
  resume(): void;
  /** Gets what is published to a topic from now on, in order with what is sent. A socket that closes is in no topic. May be called twice. */
  subscribe(topic: string): void;
  /** Gets nothing more of a topic; what was published before still arrives. */
  unsubscribe(topic: string): void;
  /** Sends what is queued, then a close frame. No message is delivered any more; `closed` may be called from within. */
  close(code: number, reason: string): void;
  /** Drops the connection at once, with what is queued. */
  terminate(): void;
}

/** What happens on one socket. */
export interface SocketHandlers {
  /** One whole message. The bytes belong to the receiver. */
  message(data: Uint8Array, isBinary: boolean): void;
  /** `bufferedBytes` may have fallen: called at least once after every fall of it, and perhaps more often. */
  drained(): void;
  pong(): void;
  /** Called exactly once. `code` is the peer's close code, ours, or 1006 where the connection just ended. */
  closed(code: number): void;
}

/** What is known of an HTTP request before its body. It stays readable after the handler returned. */
export interface RequestHead {
  /** Upper case. */
  readonly method: string;
  /** Without the query, as it was sent (percent-encoded). */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Address of the peer, as text. */
  readonly remoteAddress: string;
  /** A header by its lower-case name; empty when absent. */
  header(name: string): string;
}

/** A plain HTTP request. */
export interface HttpRequest extends RequestHead {
  /**
   * The body as it arrives, which can be read once; whoever reads slowly slows the client down. A body that is not read, or not to its end, is
   * discarded when the response is there. Iterating throws {@link RequestAbortedError} when the client goes away or sends nothing for too long.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborted when the client goes away before it has the whole response. */
  readonly signal: AbortSignal;
}

/**
 * A response. Text and bytes are sent whole. What is iterated is sent piece by piece, as fast as the client reads; when the client goes away or
 * stops reading for too long, the iterator's `return` is called, and when the iterator throws, the connection is dropped, so that nobody takes
 * the part for the whole. HEAD requests get the headers alone.
 */
export interface HttpResponse {
  readonly status: number;
  /** Empty: a response without content. */
  readonly contentType: string;
  readonly body: ResponseBody;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** A request to become a WebSocket. */
export interface UpgradeRequest extends RequestHead {
  /** Subprotocols that the client offers, in its order of preference. */
  readonly subprotocols: readonly string[];
}

/** The client went away before its request was read or answered, or sent nothing for too long: nobody is left to tell. */
export class RequestAbortedError extends Error {
  override readonly name = 'RequestAbortedError';
  readonly code = 'request_aborted';
}

/** The answer to an {@link UpgradeRequest}: a socket with its subprotocol (empty: none), or an HTTP response. */
export type UpgradeDecision =
  | {
      readonly accepted: true;
      readonly subprotocol: string;
      /** Further headers of the answer, by lower-case name. */
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly open: (socket: TransportSocket) => SocketHandlers;
    }
  | { readonly accepted: false; readonly response: WholeResponse };

/** A response that is there at once. */
export interface WholeResponse extends HttpResponse {
  readonly body: string;
}

/** What a client gets when a handler fails unexpectedly. */
export const FAILED_RESPONSE: WholeResponse = {
  status: 500,
  contentType: 'application/json; charset=utf-8',
  body: '{"error":{"code":"internal","message":"The server failed at this request; its log says why."}}\n',
};

/** Default of {@link TransportOptions.stallTimeoutMs}. */
export const STALL_TIMEOUT_MS = 30_000;

/** What the transport asks of the gateway. Called on the event loop. */
export interface TransportHandlers {
  /** May take its time. A rejection is answered with status 500. */
  request(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
  /** Answers at once. */
  upgrade(request: UpgradeRequest): UpgradeDecision;
  /** Something that `request` gave threw, or it itself did: for the log. */
  failed(error: unknown): void;
}

export interface TransportOptions {
  readonly handlers: TransportHandlers;
  /** Speaks TLS with this certificate, and nothing else. Absent: plain. Making the transport throws TlsError where the files are wrong. */
  readonly tls?: TlsFiles | undefined;
  /** Bytes of one message (also of one sent in fragments); a larger one ends the connection before it is read, with 1009 where the library can. */
  readonly messageBytesMax: number;
  /** How long a peer may take to answer a close frame before the connection is dropped, milliseconds. */
  readonly closeTimeoutMs: number;
  /** How long an HTTP client may send nothing of a body that is waited for, or take nothing of a response, milliseconds. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

/** A listening server. */
export interface Transport {
  readonly name: 'uws' | 'ws';
  /** Whether {@link TransportSocket.pause} really stops reading. */
  readonly canPause: boolean;
  /** Starts listening; port 0 takes a free one. Resolves with the port. Rejects with {@link ListenError}. */
  listen(port: number, host: string): Promise<number>;
  /** Sends one message to every socket that has subscribed to the topic. Never blocks and never drops, as {@link TransportSocket.send}. */
  publish(topic: string, data: Uint8Array | string, isBinary: boolean): void;
  /** Resolves when no HTTP request is under way any more; those that come meanwhile count too. */
  requestsDone(): Promise<void>;
  /** Takes no new connection from now on; open sockets live on. May be called twice. */
  stopListening(): void;
  /** Stops listening and drops every connection. Resolves when all are gone. May be called twice. */
  close(): Promise<void>;
}

/** The address cannot be listened on. `code` is the system's (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`, ...). */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(
    readonly code: string,
    readonly host: string,
    readonly port: number,
    options?: ErrorOptions,
  ) {
    super(describeListenFailure(code, host, port), options);
  }
}

function describeListenFailure(code: string, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use: stop the other program or choose a port with --port.`;
    case 'EACCES':
      return `Port ${port} on ${host} needs more rights than this process has: choose one above 1023 with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${host} is no address of this machine: choose one with --host.`;
    default:
      return `Cannot listen on ${host}:${port} (${code}).`;
  }
}

/** Splits a `Sec-WebSocket-Protocol` header. */
export function parseSubprotocols(header: string): string[] {
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The reason of a close frame, cut to the 123 bytes that RFC 6455 (5.5) leaves for it, never inside a character. */
export function closeReason(reason: string): string {
  const bytes = Buffer.from(reason, 'utf8');
  if (bytes.length <= 123) return reason;
  return new TextDecoder().decode(bytes.subarray(0, 123)).replace(/\uFFFD+$/, '');
}
