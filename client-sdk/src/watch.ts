// Watches a session that its speaker shares: the words as they come, from a server that may go away and come back.
import {
  CLOSE,
  MsgpackClientCodec,
  ProtocolError,
  type ClientCodec,
  type EndedMessage,
  type ServerMessage,
} from '@sotto/protocol';
import { ConnectError, ConnectionLostError, ServerError, type SottoError } from './errors.js';
import { platformWebSocket, type WebSocketFactory, type WebSocketLike } from './web-socket-like.js';

export interface WatchOptions {
  /** `ready.watchToken` of the session, as the speaker got it from `connect(url, { share: true })`. */
  readonly token: string;
  /** Gets every event: `watching` first (also after each reconnect), then those of the speech. Feed them to a TranscriptView. */
  readonly onEvent: (event: ServerMessage) => void;
  /** Whether the server is there now. */
  readonly onConnected?: (isConnected: boolean) => void;
  /** Makes the WebSocket. Default: that of the platform; Node before 22 has none. */
  readonly webSocket?: WebSocketFactory;
  /** Default: MessagePack. */
  readonly codec?: ClientCodec;
  /** The first wait before a new try, milliseconds; it doubles with each, up to `retryMsMax`, and is shortened at random. Default 500. */
  readonly retryMs?: number;
  /** Default 15000. */
  readonly retryMsMax?: number;
}

/** How watching ended: with the session (`ended`), with an error that no new try can mend, or by `close` (neither). */
export interface WatchEnd {
  readonly ended?: EndedMessage;
  readonly error?: SottoError;
}

export interface Watch {
  /** Resolves once, when nothing more comes; never rejects. */
  readonly closed: Promise<WatchEnd>;
  /** Stops watching. May be called twice. */
  close(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Watches at `url`, the server's address or its stream (`ws://127.0.0.1:8080`). Reconnects by itself until the session is over, the token is refused or
 * `close` is called.
 *
 * ```ts
 * const view = new TranscriptView();
 * watch('wss://captions.example', { token, onEvent: (event) => view.apply(event) && show(view.text) });
 * ```
 * @throws {TypeError} where the platform has no WebSocket, or for a URL that is none
 */
export function watch(url: string, options: WatchOptions): Watch {
  return new Watcher(watchUrl(url, options.token), options);
}

/** `/v1/watch` of a server that is named by any of its addresses. */
function watchUrl(url: string, token: string): string {
  const address = new URL(url.replace(/^http/, 'ws'));
  address.pathname = address.pathname.replace(/(?:\/v1\/(?:stream|watch))?\/?$/, '/v1/watch');
  address.search = new URLSearchParams({ token }).toString();
  return address.href;
}

class Watcher implements Watch {
  readonly closed: Promise<WatchEnd>;
  readonly #url: string;
  readonly #options: WatchOptions;
  readonly #codec: ClientCodec;
  #resolveClosed: (end: WatchEnd) => void = () => {};
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  /** Tries since the server last answered. */
  #tries = 0;
  #ended: EndedMessage | undefined;
  #error: SottoError | undefined;

  constructor(url: string, options: WatchOptions) {
    this.#url = url;
    this.#options = options;
    this.#codec = options.codec ?? new MsgpackClientCodec();
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#connect();
  }

  close(): void {
    this.#finish({});
  }

  #connect(): void {
    const { webSocket = platformWebSocket } = this.#options;
    const socket = webSocket(this.#url, [this.#codec.subprotocol]);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket === socket) this.#receive(data);
    });
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', ({ code, reason }) => {
      if (this.#socket === socket) this.#onClose(code, reason);
    });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      socket.close();
      if (this.#socket === socket) this.#onClose(1006, `no answer within ${CONNECT_TIMEOUT_MS} ms`);
    }, CONNECT_TIMEOUT_MS);
  }

  #receive(data: unknown): void {
    let event: ServerMessage | undefined;
    try {
      event = this.#codec.decode(data instanceof ArrayBuffer ? new Uint8Array(data) : String(data));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const text = `The server sent what is no message: ${error.message}`;
      return this.#finish({ error: new ServerError(error.code, text, false) });
    }
    if (event === undefined) return;
    if (event.type === 'watching') {
      clearTimeout(this.#timer);
      this.#tries = 0;
      this.#options.onConnected?.(true);
    }
    if (event.type === 'ended') this.#ended = event;
    if (event.type === 'error' && event.fatal) {
      this.#error = new ServerError(event.code, event.message, event.retryable);
    }
    this.#options.onEvent(event);
  }

  #onClose(code: number, reason: string): void {
    this.#socket = undefined;
    clearTimeout(this.#timer);
    if (this.#ended !== undefined) return this.#finish({ ended: this.#ended });
    if (this.#error?.retryable === false) return this.#finish({ error: this.#error });
    const known = Object.values(CLOSE).find((it) => it.code === code);
    // One that read too slowly begins anew with the lines of the moment.
    const isRetryable = known === undefined ? code < 4_000 : known.retry || code === CLOSE.slowReader.code;
    if (!isRetryable) return this.#finish({ error: this.#lost(code, reason) });
    this.#error = undefined;
    this.#options.onConnected?.(false);
    const { retryMs = 500, retryMsMax = 15_000 } = this.#options;
    const wait = Math.min(retryMsMax, retryMs * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  #lost(code: number, reason: string): SottoError {
    return this.#tries > 0
      ? new ConnectError(this.#url, reason || `close code ${code}`)
      : new ConnectionLostError(code, reason, false);
  }

  #finish(end: WatchEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(CLOSE.done.code);
    this.#resolveClosed(end);
  }
}
