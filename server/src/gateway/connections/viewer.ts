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
import type { Share, ShareViewer } from '../../watch/share.js';
import { SESSION_COALESCING } from '../coalescing.js';
import { Peer, type Excess, type PeerContext } from './peer.js';

/** Messages that a viewer may send per second: pings. */
export const VIEWER_MESSAGES_PER_SECOND_MAX = 10;
/**
 * Bytes in the transport's buffer above which a viewer leaves the topic: what is published can be replaced no more,
 * what waits here can.
 */
const SLOW_BYTES = 16_384;
/** Bytes that may wait for one viewer. Beyond: closed with `slowReader`. */
export const VIEWER_BYTES_MAX = 262_144;

export interface ViewerOptions extends PeerContext {
  readonly codec: ServerCodec;
  /** Undefined where the token is unknown or the session is over; `later`: it moves from node to node now. */
  readonly share: Share | undefined | Promise<Share | 'later' | undefined>;
}

export class Viewer extends Peer<ServerMessage> implements ShareViewer {
  readonly subprotocol: Subprotocol;
  readonly #codec: ServerCodec;
  #share: Share | undefined;
  /** It reads slowly: it has left the topic, and the outbox coalesces its partials. */
  #isAlone = false;

  constructor(options: ViewerOptions) {
    const { codec, share } = options;
    super(options, {
      encode: (message) => codec.encode(message),
      typeOf: ({ type }) => type,
      coalescing: SESSION_COALESCING,
      outboxBytesMax: VIEWER_BYTES_MAX,
      messagesPerSecondMax: VIEWER_MESSAGES_PER_SECOND_MAX,
      slowReader: CLOSE.slowReader,
    });
    this.subprotocol = codec.subprotocol;
    this.#codec = codec;
    if (!(share instanceof Promise)) this.#join(share);
    else void share.then((found) => this.isOpen && this.#join(found));
  }

  /** An event, while it is not in the topic. */
  deliver(message: ServerMessage): void {
    this.send(message);
  }

  ended(message: EndedMessage, reason: CloseReason): void {
    this.send(message);
    this.end(reason);
  }

  moved(): void {
    this.end(CLOSE.moved);
  }

  protected override receive(frame: string | Uint8Array): void {
    try {
      const message = this.#codec.decode(frame);
      this.metrics.messagesReceived.add(1, message?.type ?? 'audio');
      if (message?.type === 'ping') {
        return this.send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
      }
      this.#fail(errorMessage('read_only', 'A viewer may send "ping" and nothing else.'), CLOSE.protocolError);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(errorMessage(error.code, error.message, { fatal: true }), CLOSE.protocolError);
    }
  }

  protected override refuse(excess: Excess, message: string): void {
    if (excess === 'message_too_large') return this.#fail(errorMessage(excess, message), CLOSE.messageTooLarge);
    const text = `A viewer sends at most ${VIEWER_MESSAGES_PER_SECOND_MAX} messages per second.`;
    this.#fail(errorMessage(excess, text), CLOSE.tooFast);
  }

  protected override attend(): boolean {
    const waiting = this.outbox.bytes;
    // What is published goes past the outbox: it waits from now on at the earliest.
    if (waiting === 0) this.outbox.caughtUp();
    if (waiting > VIEWER_BYTES_MAX) this.close(CLOSE.slowReader);
    else if (!this.#isAlone && waiting > SLOW_BYTES) this.#goAlone();
    return true;
  }

  protected override ending(): void {
    if (this.#share === undefined) return;
    this.socket.unsubscribe(this.#share.topic(this.subprotocol));
    this.#share.leave(this);
  }

  protected override leave(): void {
    this.ending();
  }

  #join(share: Share | 'later' | undefined): void {
    if (share === 'later') {
      const text = 'The session moves to another node: connect again in a moment.';
      return this.#fail(errorMessage('overloaded', text), CLOSE.tryAgainLater);
    }
    if (share === undefined || share.hasEnded) {
      const text = 'No session has this token: it is wrong, or the session is over.';
      return this.#fail(errorMessage('share_unknown', text), CLOSE.shareUnknown);
    }
    const lines = share.join(this);
    if (lines === undefined) {
      return this.#fail(errorMessage('overloaded', 'This session has all its viewers.'), CLOSE.tryAgainLater);
    }
    this.#share = share;
    this.send(lines);
    this.socket.subscribe(share.topic(this.subprotocol));
  }

  #goAlone(): void {
    const [share, socket] = [this.#share, this.socket];
    if (share === undefined) return;
    this.#isAlone = true;
    socket.unsubscribe(share.topic(this.subprotocol));
    share.serveAlone(this, true);
    this.outbox.onceEmpty(() => this.#comeBack());
  }

  #comeBack(): void {
    const [share, socket] = [this.#share, this.socket];
    if (share === undefined || !this.isOpen) return;
    this.#isAlone = false;
    share.serveAlone(this, false);
    socket.subscribe(share.topic(this.subprotocol));
  }

  #fail(error: ErrorMessage, reason: CloseReason): void {
    this.send(error);
    this.end(reason);
  }
}
