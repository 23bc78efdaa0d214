// One client that speaks a dialect: the same bounds as for Sotto's own wire, around a conversation.
import type { Logger } from 'pino';
import type { SessionFactory } from '../../session/session-port.js';
import type { Coalescing } from '../coalescing.js';
import type { Conversation, DialectAdmission, DialectClose, DialectEvent, DialectFault } from '../dialect.js';
import type { Intake } from './intake.js';
import { Peer, type Excess, type PeerContext } from './peer.js';

export interface DialectConnectionOptions extends PeerContext {
  /** Label in the log. */
  readonly dialect: string;
  readonly admission: Extract<DialectAdmission, { accepted: true }>;
  readonly createSession: SessionFactory;
  readonly log: Logger;
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

export class DialectConnection extends Peer<OutgoingEvent> {
  readonly #options: DialectConnectionOptions;
  /** Absent while it is being made: it may speak, and end, from the first. */
  readonly #conversation: Conversation | undefined;
  readonly #intake: Intake<string | Uint8Array>;

  constructor(options: DialectConnectionOptions) {
    const { socket, limits, admission, createSession } = options;
    super(options, {
      encode: ({ event }) => JSON.stringify(event),
      typeOf: ({ event }) => event.type,
      coalescing: COALESCING,
      outboxBytesMax: limits.outboxBytesMax,
      messagesPerSecondMax: limits.messagesPerSecondMax,
      slowReader: SLOW_READER,
    });
    this.#options = options;
    this.#intake = this.intake({
      bytesOf: (frame) => frame.length,
      deliver: (frame) => this.#conversation?.receive(frame),
      backlogMs: () => this.#conversation?.backlogMs ?? 0,
      onceDrained: (callback) => this.#conversation?.onceDrained(callback),
      onError: (error) => this.#crash(error),
    });
    this.#conversation = admission.converse(
      {
        remoteAddress: socket.remoteAddress,
        send: (event, subject) => this.send({ event, subject }),
        crash: (error) => this.#crash(error),
        end: (close) => this.end(close),
      },
      createSession,
    );
    if (!this.isOpen) this.#conversation.abandon();
  }

  override async drain(): Promise<void> {
    if (this.isOpen) {
      this.#intake.clear();
      await this.#conversation?.drain().catch((error: unknown) => this.#crash(error));
    }
    await super.drain();
  }

  override message(data: Uint8Array, isBinary: boolean): void {
    if (this.isOpen) this.metrics.messagesReceived.add(1, this.#options.dialect);
    super.message(data, isBinary);
  }

  protected override receive(frame: string | Uint8Array): void {
    try {
      if (this.#intake.take(frame)) return;
    } catch (error) {
      return this.#crash(error);
    }
    this.#fail('audio_too_fast', 'Audio comes faster than it is processed.');
  }

  protected override refuse(excess: Excess, message: string): void {
    this.#fail(excess, message);
  }

  protected override attend(now: number): boolean {
    if (this.#intake.isHeld) return false;
    this.#conversation?.check(now);
    if (this.isOpen && this.isIdle(now)) this.#fail('idle', `No message came for ${this.limits.idleTimeoutMs} ms.`);
    return true;
  }

  protected override ending(): void {
    this.#intake.clear();
    this.#conversation?.abandon();
  }

  protected override leave(code?: number): void {
    this.ending();
    if (code !== undefined) {
      this.#options.log.debug({ dialect: this.#options.dialect, code }, 'connection closed');
    }
  }

  #fail(fault: DialectFault, message: string): void {
    const { log, dialect } = this.#options;
    const close = this.#conversation?.fail(fault, message) ?? FAILED;
    log.info({ dialect, error: fault, close: close.code }, 'ending a connection');
    this.end(close);
  }

  #crash(error: unknown): void {
    this.#options.log.error({ dialect: this.#options.dialect, err: error }, 'a conversation failed');
    this.#fail('internal', 'The server failed on this session.');
  }
}
