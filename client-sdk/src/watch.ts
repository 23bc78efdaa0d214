// Watches a session that its speaker shares: the words as they come, from a server that may go away and come back.
import {
  CLOSE,
  MsgpackClientCodec,
  type ClientCodec,
  type EndedMessage,
  type ServerMessage,
} from '@sotto/protocol/client';
import { deferred } from './deferred.js';
import { ConnectError, ConnectionLostError, ServerError, type SottoError } from './errors.js';
import { mayReturn, ReconnectPolicy } from './reconnect-policy.js';
import { BROKEN, SocketLink, type Loss } from './socket-link.js';
import { platformWebSocket, type WebSocketFactory } from './web-socket-like.js';

export interface WatchOptions {
  /** `ready.watchToken` of the session, as the speaker got it from `connect(url, { share: true })`. */
  readonly token: string;
  /**
   * Gets every event: `watching` first (also after each reconnect), then those of the speech. Feed them to a
   * TranscriptView.
   */
  readonly onEvent: (event: ServerMessage) => void;
  /** Whether the server is connected now. */
  readonly onConnected?: (isConnected: boolean) => void;
  /** Makes the WebSocket. Default: that of the platform; Node before 22 has none. */
  readonly webSocket?: WebSocketFactory;
  /** Default: MessagePack. */
  readonly codec?: ClientCodec;
  /**
   * The longest first wait before a retry, milliseconds; it doubles with each, up to `retryMsMax`, and is shortened at
   * random. Default 500.
   */
  readonly retryMs?: number;
  /** Default 15000. */
  readonly retryMsMax?: number;
  /** Silence of the server, also to a ping, before the connection counts as lost, milliseconds. Default 15000. */
  readonly silenceMsMax?: number;
}

export const WATCH_DEFAULTS = { retryMs: 500, retryMsMax: 15_000, silenceMsMax: 15_000 } as const;

const CONNECT_TIMEOUT_MS = 10_000;

/** How watching ended: with the session (`ended`), with an error that no retry can mend, or by `close` (neither). */
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

/**
 * Watches at `url`, the server's address or its stream (`ws://127.0.0.1:8080`). Reconnects by itself until the session
 * is over, the token is refused or `close` is called; also when the network died silently.
 *
 * ```ts
 * const view = new TranscriptView();
 * watch('wss://captions.example', { token, onEvent: (event) => view.apply(event) && show(view.text) });
 * ```
 * @throws {TypeError} if the platform has no WebSocket, or `url` is not a URL
 */
export function watch(url: string, options: WatchOptions): Watch {
  return new Watcher(watchUrl(url, options.token), options);
}

/**
 * `/v1/watch` of a server that is named by any of its addresses. By hand: the URL of React Native cannot be changed.
 */
function watchUrl(url: string, token: string): string {
  const [, base] = /^((?:ws|http)s?:\/\/[^/?#\s]+[^?#\s]*)/.exec(url) ?? [];
  if (base === undefined) throw new TypeError(`${url} is not the address of a server, such as wss://captions.example.`);
  const server = base.replace(/^http/, 'ws').replace(/(?:\/v1\/(?:stream|watch))?\/*$/, '');
  return `${server}/v1/watch?token=${encodeURIComponent(token)}`;
}

class Watcher implements Watch {
  readonly closed: Promise<WatchEnd>;
  readonly #url: string;
  readonly #options: WatchOptions;
  readonly #codec: ClientCodec;
  readonly #policy: ReconnectPolicy;
  readonly #end = deferred<WatchEnd>();
  #link: SocketLink;
  #cancelRetry: () => void = () => {};
  #isOver = false;
  #ended: EndedMessage | undefined;
  #error: SottoError | undefined;

  constructor(url: string, options: WatchOptions) {
    const { retryMs, retryMsMax } = { ...WATCH_DEFAULTS, ...options };
    this.#url = url;
    this.#options = options;
    this.#codec = options.codec ?? new MsgpackClientCodec();
    this.#policy = new ReconnectPolicy({ attemptsMax: Infinity, delayMs: retryMs, delayMsMax: retryMsMax });
    this.closed = this.#end.promise;
    this.#link = this.#connect();
  }

  close(): void {
    this.#finish({});
  }

  #connect(): SocketLink {
    const { webSocket = platformWebSocket, silenceMsMax = WATCH_DEFAULTS.silenceMsMax } = this.#options;
    return new SocketLink({
      url: this.#url,
      webSocket,
      codec: this.#codec,
      auth: undefined,
      timeoutMs: CONNECT_TIMEOUT_MS,
      silenceMsMax,
      clock: this.#policy.clock,
      onMessage: (event) => this.#receive(event),
      onGarbage: (error) => this.#finish({ error: ServerError.ofGarbage(error) }),
      onLost: (loss) => this.#onLost(loss),
    });
  }

  #receive(event: ServerMessage | undefined): void {
    if (event === undefined) return;
    if (event.type === 'watching') {
      this.#link.answered();
      this.#policy.progressed();
      this.#options.onConnected?.(true);
    }
    if (event.type === 'ended') this.#ended = event;
    if (event.type === 'error' && event.fatal) {
      this.#error = new ServerError(event.code, event.message, event.retryable);
    }
    this.#options.onEvent(event);
  }

  #onLost({ closeCode, reason }: Loss): void {
    if (this.#ended !== undefined) return this.#finish({ ended: this.#ended });
    if (this.#error?.retryable === false) return this.#finish({ error: this.#error });
    // One that read too slowly begins anew with the lines of the moment.
    const isRetryable = mayReturn(closeCode) || closeCode === CLOSE.slowReader.code;
    if (!isRetryable) return this.#finish({ error: this.#lost(closeCode, reason) });
    this.#error = undefined;
    this.#options.onConnected?.(false);
    this.#cancelRetry = this.#policy.clock.after(this.#policy.next() ?? 0, () => this.#reconnect());
  }

  #reconnect(): void {
    try {
      this.#link = this.#connect();
    } catch {
      // The platform, or the caller's factory, makes no socket now.
      this.#onLost({ closeCode: BROKEN, reason: 'no socket could be made' });
    }
  }

  #lost(closeCode: number, reason: string): SottoError {
    return this.#policy.attempts > 0
      ? new ConnectError(this.#url, reason || `close code ${closeCode}`)
      : new ConnectionLostError(closeCode, reason, false);
  }

  #finish(end: WatchEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelRetry();
    this.#link.close(CLOSE.done.code);
    this.#end.resolve(end);
  }
}
