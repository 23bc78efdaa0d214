// One who watches a shared session: hears its topic, says nothing but ping, and is taken aside when it reads slowly.
import {
  CLOSE,
  errorMessage,
  ProtocolError,
  type CloseReason,
  type EndedMessage,
  type ErrorMessage,
  type ServerCodec,
  type ServerMessage,
  type Subprotocol,
} from '@sotto/protocol';
import type { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import type { Share, ShareViewer } from '../../watch/share.js';
import type { Clock } from '../clock.js';
import { SESSION_COALESCING } from '../coalescing.js';
import { closeLabel } from './connection.js';
import type { GatewayLimits } from '../limits.js';
import { MessageRate } from './message-rate.js';
import { Outbox } from './outbox.js';
import type { SocketHandlers, TransportSocket } from '../../transport/transport.js';

/** Messages that a viewer may send per second: pings. */
export const VIEWER_MESSAGES_PER_SECOND_MAX = 10;
/** Bytes in the transport's buffer above which a viewer leaves the topic: what is published can be replaced no more, what waits here can. */
const SLOW_BYTES = 16_384;
/** Bytes that may wait for one viewer. Beyond: closed with `slowReader`. */
export const VIEWER_BYTES_MAX = 262_144;

export interface ViewerOptions {
  readonly socket: TransportSocket;
  readonly codec: ServerCodec;
  /** Undefined where the token is unknown or the session is over. */
  readonly share: Share | undefined;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  /** Called once when the socket is gone. */
  readonly onClosed: (viewer: Viewer) => void;
}

/** As of a `Connection`: messages flow, the last ones are being sent, the socket is being closed, it is gone. */
type ViewerState = 'open' | 'ending' | 'closing' | 'closed';

export class Viewer implements SocketHandlers, ShareViewer {
  readonly subprotocol: Subprotocol;
  readonly #options: ViewerOptions;
  readonly #outbox: Outbox<ServerMessage>;
  readonly #rate: MessageRate;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => {};
  #state: ViewerState = 'open';
  /** It reads slowly: it has left the topic, and the outbox coalesces its partials. */
  #isAlone = false;
  /** When it last took something, or nothing waited for it. */
  #progressAt: number;
  #pingedAt: number;
  #pingsUnanswered = 0;

  constructor(options: ViewerOptions) {
    const { socket, codec, clock, metrics } = options;
    this.#options = options;
    this.subprotocol = codec.subprotocol;
    this.#progressAt = clock.now();
    this.#pingedAt = clock.now();
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#rate = new MessageRate(VIEWER_MESSAGES_PER_SECOND_MAX, clock.now());
    this.#outbox = new Outbox({
      socket,
      encode: (message) => codec.encode(message),
      coalescing: SESSION_COALESCING,
      bytesMax: VIEWER_BYTES_MAX,
      now: clock.now,
      onSent: (message, bytes) => {
        metrics.messagesSent.add(1, message.type);
        metrics.bytesSent.add(bytes);
      },
      onCoalesced: () => metrics.messagesCoalesced.add(),
    });
    this.#join();
  }

  /** An event, while it is not in the topic. */
  deliver(message: ServerMessage): void {
    if (this.#state === 'open') this.#send(message);
  }

  end(message: EndedMessage, reason: CloseReason): void {
    this.deliver(message);
    this.#end(reason);
  }

  message(data: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    const { codec, clock, metrics } = this.#options;
    metrics.bytesReceived.add(data.byteLength);
    this.#pingsUnanswered = 0;
    if (!this.#rate.take(clock.now())) {
      const text = `A viewer sends at most ${VIEWER_MESSAGES_PER_SECOND_MAX} messages per second.`;
      return this.#refuse(errorMessage('too_many_messages', text), CLOSE.tooFast);
    }
    try {
      const message = codec.decode(isBinary ? data : Buffer.from(data).toString());
      metrics.messagesReceived.add(1, message?.type ?? 'audio');
      if (message?.type === 'ping') {
        return this.#send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
      }
      this.#refuse(errorMessage('read_only', 'A viewer may send "ping" and nothing else.'), CLOSE.protocolError);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse(errorMessage(error.code, error.message, { fatal: true }), CLOSE.protocolError);
    }
  }

  drained(): void {
    this.#progressAt = this.#options.clock.now();
    this.#outbox.drained();
  }

  pong(): void {
    this.#pingsUnanswered = 0;
  }

  closed(code: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#leave();
    this.#options.metrics.connectionsClosed.add(1, closeLabel(code));
    this.#resolveGone();
    this.#options.onClosed(this);
  }

  /** Looks for a viewer that is gone or does not read; called about once a second. */
  check(now: number): void {
    const { limits, socket } = this.#options;
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    const waiting = this.#outbox.bytes;
    if (waiting === 0) this.#progressAt = now;
    if (waiting > VIEWER_BYTES_MAX || now - this.#progressAt > limits.outboxStallMs) {
      return this.#close(CLOSE.slowReader);
    }
    if (this.#state === 'ending') return;
    if (!this.#isAlone && waiting > SLOW_BYTES) this.#goAlone();
    if (now - this.#pingedAt < limits.pingIntervalMs) return;
    if (this.#pingsUnanswered >= limits.missedPingsMax) return socket.terminate();
    this.#pingedAt = now;
    this.#pingsUnanswered++;
    socket.ping();
  }

  /** The server shuts down: resolves when the socket is gone, which follows the end of the session that it watches. */
  drain(): Promise<void> {
    return this.#gone;
  }

  /** Drops the connection. */
  terminate(): void {
    this.#options.socket.terminate();
  }

  #join(): void {
    const { share, socket } = this.#options;
    if (share === undefined) {
      const text = 'No session has this token: it is wrong, or the session is over.';
      return this.#refuse(errorMessage('share_unknown', text), CLOSE.shareUnknown);
    }
    const lines = share.join(this);
    if (lines === undefined) {
      return this.#refuse(errorMessage('overloaded', 'This session has all its viewers.'), CLOSE.tryAgainLater);
    }
    this.#send(lines);
    socket.subscribe(share.topic(this.subprotocol));
  }

  #goAlone(): void {
    const { share, socket } = this.#options;
    if (share === undefined) return;
    this.#isAlone = true;
    socket.unsubscribe(share.topic(this.subprotocol));
    share.serveAlone(this, true);
    this.#outbox.onceEmpty(() => this.#comeBack());
  }

  #comeBack(): void {
    const { share, socket } = this.#options;
    if (share === undefined || this.#state !== 'open') return;
    this.#isAlone = false;
    share.serveAlone(this, false);
    socket.subscribe(share.topic(this.subprotocol));
  }

  #send(message: ServerMessage): void {
    if (!this.#outbox.send(message)) this.#close(CLOSE.slowReader);
  }

  #refuse(error: ErrorMessage, reason: CloseReason): void {
    this.#send(error);
    this.#end(reason);
  }

  /** Sends what waits, then closes. */
  #end(reason: CloseReason): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#leave();
    this.#outbox.onceEmpty(() => this.#close(reason));
  }

  /** Closes without sending what waits. */
  #close(reason: CloseReason): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#leave();
    this.#outbox.clear();
    this.#options.socket.close(reason.code, reason.reason);
  }

  #leave(): void {
    const { share, socket } = this.#options;
    if (share === undefined) return;
    socket.unsubscribe(share.topic(this.subprotocol));
    share.leave(this);
  }
}
