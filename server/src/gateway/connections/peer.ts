// One socket with its bounds, whatever is spoken on it: how much and how fast it may send, how slowly it may read, when
// it counts as gone.
import { CLOSE, type Frame } from '@sotto/protocol';
import type { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import type { SocketHandlers, TransportSocket } from '../../transport/transport.js';
import type { Clock } from '../../time/clock.js';
import type { Coalescing } from '../coalescing.js';
import type { GatewayLimits } from '../limits.js';
import { TokenBucket } from '../token-bucket.js';
import { Heartbeat } from './heartbeat.js';
import { Intake, type IntakeOptions } from './intake.js';
import { Outbox } from './outbox.js';

/** What the gateway knows of every peer. */
export interface PeerContext {
  readonly socket: TransportSocket;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  /** Called once when the socket is gone. */
  readonly onClosed: (peer: OpenPeer) => void;
}

/** What a protocol says about its messages and bounds. */
export interface PeerOptions<M> {
  readonly encode: (message: M) => Frame;
  /** Label of a message in the metrics. */
  readonly typeOf: (message: M) => string;
  readonly coalescing: Coalescing<M>;
  readonly outboxBytesMax: number;
  readonly messagesPerSecondMax: number;
  /** How a peer is closed that does not read what is sent. */
  readonly slowReader: CloseFrame;
}

export interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

/** What the gateway does with a peer. */
export interface OpenPeer {
  /** Looks for a peer that is late, gone or not reading; called about once a second. */
  check(now: number): void;
  /** The server shuts down: lets the peer finish; resolves when the socket is gone. */
  drain(): Promise<void>;
  /** Drops the connection. */
  terminate(): void;
}

/** A bound of what a peer may send. */
export type Excess = 'too_many_messages' | 'message_too_large';

/**
 * `open`: messages go both ways. `ending`: nothing is taken any more, what was said is being sent. `closing`: nothing
 * is sent any more, the socket is being closed. `closed`: it is gone.
 */
type PeerState = 'open' | 'ending' | 'closing' | 'closed';

/** A subclass speaks a protocol with the peer. It is told nothing while it is being made. */
export abstract class Peer<M> implements SocketHandlers, OpenPeer {
  protected readonly socket: TransportSocket;
  protected readonly limits: GatewayLimits;
  protected readonly metrics: GatewayMetrics;
  protected readonly outbox: Outbox<M>;
  protected readonly openedAt: number;
  readonly #clock: Clock;
  readonly #options: PeerOptions<M>;
  readonly #onClosed: (peer: OpenPeer) => void;
  readonly #heartbeat: Heartbeat;
  readonly #rate: TokenBucket;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => {};
  #state: PeerState = 'open';
  #messageAt: number;

  constructor({ socket, limits, clock, metrics, onClosed }: PeerContext, options: PeerOptions<M>) {
    this.socket = socket;
    this.limits = limits;
    this.metrics = metrics;
    this.openedAt = clock.now();
    this.#clock = clock;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#messageAt = this.openedAt;
    this.#heartbeat = new Heartbeat(limits, this.openedAt);
    this.#rate = new TokenBucket(options.messagesPerSecondMax, this.openedAt);
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.outbox = new Outbox({
      socket,
      encode: options.encode,
      coalescing: options.coalescing,
      bytesMax: options.outboxBytesMax,
      now: clock.now,
      onSent: (message, bytes) => {
        metrics.messagesSent.add(1, options.typeOf(message));
        metrics.bytesSent.add(bytes);
      },
      onCoalesced: () => metrics.messagesCoalesced.add(),
    });
  }

  message(data: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    const { messageBytesMax } = this.limits;
    this.metrics.bytesReceived.add(data.byteLength);
    this.#messageAt = this.#clock.now();
    this.#heartbeat.heard();
    if (!this.#rate.take(this.#messageAt)) return this.#refuseRate();
    if (data.byteLength > messageBytesMax) {
      const text = `A message has at most ${messageBytesMax} bytes, got ${data.byteLength}.`;
      return this.refuse('message_too_large', text);
    }
    this.receive(isBinary ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
  }

  drained(): void {
    this.outbox.drained();
  }

  pinged(): void {
    if (this.#state !== 'open') return;
    // The transport has answered it already; who never reads the answers is not a reader.
    if (this.socket.bufferedBytes > this.#options.outboxBytesMax) return this.terminate();
    if (!this.#rate.take(this.#clock.now())) this.#refuseRate();
  }

  pong(): void {
    this.#heartbeat.answered();
  }

  closed(code: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.outbox.clear();
    this.leave(code);
    this.metrics.connectionsClosed.add(1, closeLabel(code));
    this.#resolveGone();
    this.#onClosed(this);
  }

  check(now: number): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    if (this.outbox.stalledMs > this.limits.outboxStallMs) return this.close(this.#options.slowReader);
    if (this.#state === 'ending' || !this.attend(now) || !this.isOpen) return;
    switch (this.#heartbeat.check(now)) {
      case 'fine':
        return;
      case 'gone':
        return this.terminate();
      case 'deaf':
        return this.close(this.#options.slowReader);
      case 'ping':
        this.ping();
    }
  }

  async drain(): Promise<void> {
    await this.#gone;
  }

  terminate(): void {
    this.socket.terminate();
  }

  #refuseRate(): void {
    const text = `At most ${this.#options.messagesPerSecondMax} messages and pings per second: send larger chunks of audio.`;
    this.refuse('too_many_messages', text);
  }

  protected get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** One whole frame within the bounds: text, or the bytes of a binary one. */
  protected abstract receive(frame: string | Uint8Array): void;

  /** A bound was passed: tells the peer, and ends. */
  protected abstract refuse(excess: Excess, message: string): void;

  /**
   * What the protocol itself looks after, while the peer is open. False: the peer is not read, so it cannot be heard.
   */
  protected abstract attend(now: number): boolean;

  /** Nothing is taken any more; what waits is still sent. */
  protected abstract ending(): void;

  /**
   * Nothing is sent any more. `code`: the socket is gone, with this; undefined: it is about to be closed. Called up to
   * twice.
   */
  protected abstract leave(code?: number): void;

  /** What the peer sends on its way to where it is worked on, as fast as that goes. */
  protected intake<T>(
    options: Pick<IntakeOptions<T>, 'bytesOf' | 'deliver' | 'backlogMs' | 'onceDrained' | 'onError'>,
  ): Intake<T> {
    return new Intake({
      ...options,
      socket: this.socket,
      inboxBytesMax: this.limits.inboxBytesMax,
      backlogMsMax: this.limits.bufferedAudioMsMax,
      isOpen: () => this.isOpen,
      onReleased: () => {
        this.#messageAt = this.#clock.now();
        this.#heartbeat.answered();
      },
    });
  }

  /** Whether nothing came for longer than a client may be silent. */
  protected isIdle(now: number): boolean {
    return now - this.#messageAt > this.limits.idleTimeoutMs;
  }

  protected ping(): void {
    this.socket.ping();
  }

  protected send(message: M): void {
    if (this.isOpen && !this.outbox.send(message)) this.close(this.#options.slowReader);
  }

  /** Sends what waits, then closes. */
  protected end(frame: CloseFrame): void {
    if (!this.isOpen) return;
    this.#state = 'ending';
    this.ending();
    this.outbox.onceEmpty(() => this.close(frame));
  }

  /** Closes without sending what waits. */
  protected close({ code, reason }: CloseFrame): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.outbox.clear();
    this.leave();
    this.socket.close(code, reason);
  }
}

/** Close codes as a metric's label: ours and the standard ones by number, whatever else a peer invents together. */
function closeLabel(code: number): string {
  const known = code >= 1000 && code <= 1015;
  return known || Object.values(CLOSE).some((reason) => reason.code === code) ? String(code) : 'other';
}
