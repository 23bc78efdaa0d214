// One client that speaks a dialect: the same bounds as for Sotto's own wire, around a conversation.
import type { Logger } from 'pino';
import type { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import type { SessionFactory } from '../../session/session-port.js';
import type { Clock } from '../clock.js';
import type { Coalescing } from '../coalescing.js';
import { closeLabel } from './connection.js';
import type { Conversation, DialectAdmission, DialectClose, DialectEvent, DialectFault } from '../dialect.js';
import { Heartbeat } from './heartbeat.js';
import { Intake } from './intake.js';
import type { GatewayLimits } from '../limits.js';
import { MessageRate } from './message-rate.js';
import { Outbox } from './outbox.js';
import type { SocketHandlers, TransportSocket } from '../../transport/transport.js';

export interface DialectConnectionOptions {
  readonly socket: TransportSocket;
  /** Label in the log. */
  readonly dialect: string;
  readonly admission: Extract<DialectAdmission, { accepted: true }>;
  readonly createSession: SessionFactory;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  /** Called once when the socket is gone. */
  readonly onClosed: (connection: DialectConnection) => void;
}

/** Clients of dialects know the standard codes only: policy violation, with the reason in words. */
const SLOW_READER: DialectClose = { code: 1008, reason: 'The client does not read what the server sends.' };

const FAILED: DialectClose = { code: 1011, reason: 'The server failed.' };

/** An interim result is overtaken by the next of its subject; an event that carries none is kept. */
const COALESCING: Coalescing<OutgoingEvent> = {
  subjectOf: ({ subject }) => subject,
  isKept: () => false,
  join: (_older, newer) => newer,
};

interface OutgoingEvent {
  readonly event: DialectEvent;
  readonly subject: string | undefined;
}

/** As of a `Connection`: messages flow, the last ones are being sent, the socket is being closed, it is gone. */
type State = 'open' | 'ending' | 'closing' | 'closed';

export class DialectConnection implements SocketHandlers {
  readonly #options: DialectConnectionOptions;
  /** Absent while it is being made: it may speak, and end, from the first. */
  readonly #conversation: Conversation | undefined;
  readonly #outbox: Outbox<OutgoingEvent>;
  readonly #intake: Intake<string | Uint8Array>;
  readonly #rate: MessageRate;
  readonly #heartbeat: Heartbeat;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => {};
  #state: State = 'open';
  #messageAt: number;

  constructor(options: DialectConnectionOptions) {
    const { socket, limits, clock, metrics, admission, createSession } = options;
    this.#options = options;
    this.#messageAt = clock.now();
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#rate = new MessageRate(limits.messagesPerSecondMax, clock.now());
    this.#heartbeat = new Heartbeat(limits, clock.now());
    this.#outbox = new Outbox({
      socket,
      encode: ({ event }) => JSON.stringify(event),
      coalescing: COALESCING,
      bytesMax: limits.outboxBytesMax,
      now: clock.now,
      onSent: ({ event }, bytes) => {
        metrics.messagesSent.add(1, event.type);
        metrics.bytesSent.add(bytes);
      },
      onCoalesced: () => metrics.messagesCoalesced.add(),
    });
    this.#intake = new Intake({
      socket,
      inboxBytesMax: limits.inboxBytesMax,
      bytesOf: (frame) => frame.length,
      backlogMsMax: limits.bufferedAudioMsMax,
      deliver: (frame) => this.#conversation?.receive(frame),
      backlogMs: () => this.#conversation?.backlogMs ?? 0,
      onceDrained: (callback) => this.#conversation?.onceDrained(callback),
      isOpen: () => this.#state === 'open',
      onReleased: () => {
        this.#messageAt = clock.now();
        this.#heartbeat.answered();
      },
      onError: (error) => this.#crash(error),
    });
    this.#conversation = admission.converse(
      {
        remoteAddress: socket.remoteAddress,
        send: (event, subject) => this.#send({ event, subject }),
        crash: (error) => this.#crash(error),
        end: (close) => this.#end(close),
      },
      createSession,
    );
    if (this.#state !== 'open') this.#conversation.abandon();
  }

  message(data: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    const { limits, metrics, clock } = this.#options;
    metrics.bytesReceived.add(data.byteLength);
    metrics.messagesReceived.add(1, this.#options.dialect);
    this.#messageAt = clock.now();
    this.#heartbeat.heard();
    if (!this.#rate.take(this.#messageAt)) {
      const text = `At most ${limits.messagesPerSecondMax} messages per second: send larger chunks of audio.`;
      return this.#fail('too_many_messages', text);
    }
    if (data.byteLength > limits.messageBytesMax) {
      const text = `A message has at most ${limits.messageBytesMax} bytes, got ${data.byteLength}.`;
      return this.#fail('message_too_large', text);
    }
    const frame = isBinary ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    try {
      if (this.#intake.take(frame)) return;
    } catch (error) {
      return this.#crash(error);
    }
    this.#fail('audio_too_fast', 'Audio comes faster than it is processed.');
  }

  drained(): void {
    this.#outbox.drained();
  }

  pong(): void {
    this.#heartbeat.answered();
  }

  closed(code: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#leave();
    this.#options.metrics.connectionsClosed.add(1, closeLabel(code));
    this.#options.log.debug({ dialect: this.#options.dialect, code }, 'connection closed');
    this.#resolveGone();
    this.#options.onClosed(this);
  }

  /** Looks for a client that is late, gone or not reading; called about once a second. */
  check(now: number): void {
    const { limits, socket } = this.#options;
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    if (this.#outbox.stalledMs > limits.outboxStallMs) return this.#close(SLOW_READER);
    // A peer that we do not read cannot be heard.
    if (this.#state === 'ending' || this.#intake.isHeld) return;
    this.#conversation?.check(now);
    if (this.#state !== 'open') return;
    if (now - this.#messageAt > limits.idleTimeoutMs) {
      return this.#fail('idle', `No message came for ${limits.idleTimeoutMs} ms.`);
    }
    switch (this.#heartbeat.check(now)) {
      case 'fine':
        return;
      case 'gone':
        return socket.terminate();
      case 'deaf':
        return this.#close(SLOW_READER);
      case 'ping':
        socket.ping();
    }
  }

  /** The server shuts down: lets the conversation finish; resolves when the socket is gone. */
  async drain(): Promise<void> {
    if (this.#state === 'open') {
      this.#intake.clear();
      await this.#conversation?.drain().catch((error: unknown) => this.#crash(error));
    }
    await this.#gone;
  }

  /** Drops the connection. */
  terminate(): void {
    this.#options.socket.terminate();
  }

  #send(event: OutgoingEvent): void {
    if (this.#state === 'open' && !this.#outbox.send(event)) this.#close(SLOW_READER);
  }

  #fail(fault: DialectFault, message: string): void {
    const { log, dialect } = this.#options;
    const close = this.#conversation?.fail(fault, message) ?? FAILED;
    log.info({ dialect, error: fault, close: close.code }, 'ending a connection');
    this.#end(close);
  }

  #crash(error: unknown): void {
    this.#options.log.error({ dialect: this.#options.dialect, err: error }, 'a conversation failed');
    this.#fail('internal', 'The server failed on this session.');
  }

  /** Sends what waits, then closes. */
  #end(close: DialectClose): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#intake.clear();
    this.#conversation?.abandon();
    this.#outbox.onceEmpty(() => this.#close(close));
  }

  /** Closes without sending what waits. */
  #close({ code, reason }: DialectClose): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#leave();
    this.#options.socket.close(code, reason);
  }

  #leave(): void {
    this.#conversation?.abandon();
    this.#intake.clear();
    this.#outbox.clear();
  }
}
