// One connection to a server: opens a socket, says hello, carries messages, and tells its end once.
import {
  CLOSE,
  ProtocolError,
  TOKEN_SUBPROTOCOL_PREFIX,
  type ClientCodec,
  type ClientMessage,
  type ServerMessage,
} from '@sotto/protocol/client';
import type { Clock } from './reconnect-policy.js';
import type { OwnBytes, WebSocketFactory, WebSocketLike } from './web-socket-like.js';

/** A token, or a function that fetches one for each connection. Letters, digits and `-._~`. */
export type Auth = string | (() => string | Promise<string>);

export interface LinkOptions {
  readonly url: string;
  readonly webSocket: WebSocketFactory;
  readonly codec: ClientCodec;
  readonly auth: Auth | undefined;
  /** How long the server may take until `answered` is called, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** The first message; a viewer has none. */
  readonly hello?: () => ClientMessage;
  /** A server that says nothing for this long, milliseconds, not even to a ping, is given up. */
  readonly silenceMsMax: number;
  /** Whether an answer is due: only then is silence suspicious. Default: always. */
  readonly isExpecting?: () => boolean;
  /** Undefined: a message of a type that this version does not know. */
  readonly onMessage: (message: ServerMessage | undefined) => void;
  /** The server sent something that is not a message. */
  readonly onGarbage: (error: ProtocolError) => void;
  readonly onLost: (loss: Loss) => void;
}

/** How a connection ended. */
export interface Loss {
  /** 1006 where it simply broke, or never was. */
  readonly closeCode: number;
  readonly reason: string;
  /** What the platform knows of it; browsers know nothing. */
  readonly failure?: unknown;
}

/** The close code of a connection that ended without one. */
export const BROKEN = 1006;

/**
 * Looks at the silence of a server in each `silenceMsMax`: heard nothing in the first or second, ping; still nothing in
 * the next, lost.
 */
const LOOKS = 3;

export class SocketLink {
  readonly #options: LinkOptions;
  /** Cancels what is waited for: the answer to the hello, then the next look at the silence. */
  #cancelTimer: () => void;
  #socket: WebSocketLike | undefined;
  #failure: unknown;
  #isOver = false;
  /** Whether anything came since the last look, and whether a ping asked for it. */
  #isHeard = false;
  #isAsked = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#cancelTimer = options.clock.after(options.timeoutMs, () => {
      this.#lose({ closeCode: BROKEN, reason: `no answer within ${options.timeoutMs} ms` });
    });
    const { auth } = options;
    if (typeof auth === 'function') {
      void this.#authorise(auth);
      return;
    }
    try {
      this.#open(auth);
    } catch (error) {
      this.#cancelTimer();
      throw error;
    }
  }

  /** The server has answered the hello: from now on its silence is watched. */
  answered(): void {
    this.#cancelTimer();
    if (!this.#isOver) this.#lookLater();
  }

  /** Sends a message; nothing where the connection is over or does not stand yet. */
  send(message: ClientMessage): void {
    if (this.#isOver || this.#socket === undefined) return;
    // The DOM's type excludes shared memory, which a frame never has: it is an encoder's output or a copy of the
    // caller's array.
    for (const frame of this.#options.codec.encode(message)) this.#socket.send(frame as string | OwnBytes);
  }

  /** Closes the socket; nothing is told any more. May be called twice. */
  close(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelTimer();
    this.#socket?.close(code);
  }

  async #authorise(auth: () => string | Promise<string>): Promise<void> {
    try {
      const token = await auth();
      if (!this.#isOver) this.#open(token);
    } catch (failure) {
      this.#lose({ closeCode: BROKEN, reason: 'no token could be had', failure });
    }
  }

  #open(token: string | undefined): void {
    const { url, webSocket, codec, hello } = this.#options;
    const socket = webSocket(
      url,
      token === undefined ? [codec.subprotocol] : [codec.subprotocol, subprotocolOf(token)],
    );
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    if (hello !== undefined) socket.addEventListener('open', () => this.send(hello()));
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('error', (event) => (this.#failure = 'error' in event ? event.error : undefined));
    socket.addEventListener('close', ({ code, reason }) => {
      this.#lose({ closeCode: code, reason, failure: this.#failure });
    });
  }

  #receive(data: unknown): void {
    if (this.#isOver) return;
    const { codec, onMessage, onGarbage } = this.#options;
    let message: ServerMessage | undefined;
    try {
      message = codec.decode(data instanceof ArrayBuffer ? new Uint8Array(data) : String(data));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return onGarbage(error);
    }
    this.#isHeard = true;
    // The answer to our own question: those of a caller carry ids.
    if (message?.type === 'pong' && message.id === undefined) return;
    onMessage(message);
  }

  /**
   * A network that dies without a word (a phone that leaves the house, a router that forgets) closes no socket. Counted
   * in looks, not by the clock: where timers are late, as in a background tab or after a sleep, the question is still
   * asked before the connection is given up.
   */
  #lookLater(): void {
    const { clock, silenceMsMax } = this.#options;
    this.#cancelTimer = clock.after(silenceMsMax / LOOKS, () => this.#look());
  }

  #look(): void {
    const { silenceMsMax, isExpecting = () => true } = this.#options;
    if (!this.#isHeard && this.#isAsked) {
      return this.#lose({ closeCode: BROKEN, reason: `no sign of the server for ${silenceMsMax} ms` });
    }
    this.#isAsked = !this.#isHeard && isExpecting();
    this.#isHeard = false;
    if (this.#isAsked) this.send({ type: 'ping' });
    this.#lookLater();
  }

  #lose(loss: Loss): void {
    if (this.#isOver) return;
    this.close(CLOSE.away.code);
    this.#options.onLost(loss);
  }
}

/** @throws {TypeError} for characters that a subprotocol cannot carry */
function subprotocolOf(token: string): string {
  if (!/^[\w.~-]+$/.test(token)) throw new TypeError('A token is made of letters, digits and the characters -._~');
  return TOKEN_SUBPROTOCOL_PREFIX + token;
}
