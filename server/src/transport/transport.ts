// The smallest shape of an HTTP and WebSocket server that the gateway needs; one contract suite holds every
// implementation to it.
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { CodedError } from '@sotto/protocol';
import {
  FAILED_RESPONSE,
  RequestAbortedError,
  type HttpRequest,
  type HttpResponse,
  type RequestHead,
  type WholeResponse,
} from '../http/exchange.js';
import { inRequest } from '../http/request-scope.js';
import type { TlsError, TlsFiles } from './tls.js';

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
   * Stops reading from the peer, so that its sends fill the kernel's buffers and wait. Only where
   * {@link Transport.canPause}; elsewhere it does nothing. A few messages that were already read may still arrive.
   */
  pause(): void;
  resume(): void;
  /**
   * Gets what is published to a topic from now on, in order with what is sent. A socket that closes is in no topic. May
   * be called twice.
   */
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
  /** The peer sent a WebSocket ping, which the transport has answered. */
  pinged(): void;
  /** Called exactly once. `code` is the peer's close code, ours, or 1006 where the connection just ended. */
  closed(code: number): void;
}

/** A request to become a WebSocket. */
export interface UpgradeRequest extends RequestHead {
  /** Subprotocols that the client offers, in its order of preference. */
  readonly subprotocols: readonly string[];
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

/** Default of {@link TransportOptions.stallTimeoutMs}. */
export const STALL_TIMEOUT_MS = 30_000;

/** What the transport asks of the gateway. Called on the event loop. */
export interface TransportHandlers {
  /** May take its time. A rejection is answered with status 500. */
  request(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
  /** Answers at once. */
  upgrade(request: UpgradeRequest): UpgradeDecision;
  /** Something that `request` gave threw, or it itself did: for the log. `requestId` where it is known. */
  failed(error: unknown, requestId?: string): void;
  /** The files of the certificate have changed: it is used from now on, or `error` says why the one before still is. */
  certificateChanged?(error?: TlsError): void;
}

export interface TransportOptions {
  readonly handlers: TransportHandlers;
  /**
   * Speaks TLS with this certificate, and nothing else. Absent: plain. Making the transport throws TlsError where the
   * files are wrong. When the files change new connections get the new certificate; those that are open go on.
   */
  readonly tls?: TlsFiles | undefined;
  /**
   * Whether other processes of this server listen on the port too: the system deals connections to them; it is named,
   * not 0. Default: a port that somebody has is refused.
   */
  readonly sharesPort?: boolean | undefined;
  /** How often these files are looked at, milliseconds. Default: {@link TLS_LOOK_MS}. */
  readonly tlsLookMs?: number | undefined;
  /**
   * Bytes of one message (also of one sent in fragments); a larger one ends the connection before it is read, with 1009
   * where the library can.
   */
  readonly messageBytesMax: number;
  /** How long a peer may take to answer a close frame before the connection is dropped, milliseconds. */
  readonly closeTimeoutMs: number;
  /**
   * How long an HTTP client may send nothing of a body that is waited for, or take nothing of a response, milliseconds.
   * Default 30,000.
   */
  readonly stallTimeoutMs?: number;
}

/** A listening server. */
export interface Transport {
  readonly name: 'uws' | 'ws';
  /** Whether {@link TransportSocket.pause} really stops reading. */
  readonly canPause: boolean;
  /** Starts listening; port 0 takes a free one. Resolves with the port. Rejects with {@link ListenError}. */
  listen(port: number, host: string): Promise<number>;
  /**
   * Sends one message to every socket that has subscribed to the topic. Never blocks and never drops, as
   * {@link TransportSocket.send}.
   */
  publish(topic: string, data: Uint8Array | string, isBinary: boolean): void;
  /** Resolves when no HTTP request is under way any more; those that come meanwhile count too. */
  requestsDone(): Promise<void>;
  /** Takes no new connection from now on; open sockets live on. May be called twice. */
  stopListening(): void;
  /** Stops listening and drops every connection. Resolves when all are gone. May be called twice. */
  close(): Promise<void>;
}

/**
 * The address cannot be listened on. `code` is the system's (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`,
 * ...).
 */
export class ListenError extends CodedError {
  override readonly name = 'ListenError';
  readonly host: string;
  readonly port: number;

  constructor(code: string, host: string, port: number, options?: ErrorOptions) {
    super(code, describeListenFailure(code, host, port), options);
    this.host = host;
    this.port = port;
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
      return `${host} is not an address of this machine: choose one with --host.`;
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

/** The handler's answer, at once where it is there; where the handler fails, {@link FAILED_RESPONSE}. */
export function handleRequest(request: HttpRequest, handlers: TransportHandlers): HttpResponse | Promise<HttpResponse> {
  const id = `${PROCESS_ID}-${(lastRequest += 1).toString(36)}`;
  const failed = (error: unknown): HttpResponse => {
    // When the client has left, or sends nothing more, the failure is its own doing.
    if (!request.signal.aborted && !(error instanceof RequestAbortedError)) handlers.failed(error, id);
    return { ...FAILED_RESPONSE, headers: { 'x-request-id': id } };
  };
  // The one failure of a request that comes from outside its handler.
  const stray = new EventEmitter();
  try {
    return inRequest({ id, fail: (error) => stray.emit('failed', error) }, () => {
      const answer = handlers.request(request);
      if (!(answer instanceof Promise)) return answer;
      const strayed = new Promise<never>((_, reject) => stray.once('failed', reject));
      return Promise.race([answer, strayed]).catch(failed);
    });
  } catch (error) {
    return failed(error);
  }
}

/** Tells the requests of one run of the server from those of the next. */
const PROCESS_ID = randomUUID().slice(0, 8);
let lastRequest = 0;
