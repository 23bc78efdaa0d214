// One client: decodes what it sends, drives its session, and closes it by name when a bound is passed.
import {
  bytesPerFrame,
  CLOSE,
  errorMessage,
  isCounted,
  ProtocolError,
  type AudioFormat,
  type ClientMessage,
  type CloseReason,
  type ErrorMessage,
  type ResumeMessage,
  type ServerCodec,
  type ServerMessage,
} from '@sotto/protocol';
import type { Logger } from 'pino';
import type { Client } from '../../access/principal.js';
import type { SessionFactory } from '../../session/session-port.js';
import { SESSION_COALESCING } from '../coalescing.js';
import type { Intake } from './intake.js';
import { Peer, type Excess, type PeerContext } from './peer.js';
import type { ResumableSession, SessionOwner } from '../resume/resumable-session.js';
import { within } from '../../time/within.js';
import type { SessionRegistry } from '../resume/session-registry.js';

export interface ConnectionOptions extends PeerContext {
  readonly codec: ServerCodec;
  readonly createSession: SessionFactory;
  readonly sessions: SessionRegistry;
  readonly client: Client;
  readonly log: Logger;
}

/** How long a client that is sent to another node may end its utterance here, milliseconds. */
const QUIET_MS_MAX = 5_000;

/** The close code that stands for no close frame at all. */
const VANISHED = 1006;

export class Connection extends Peer<ServerMessage> {
  readonly #options: ConnectionOptions;
  readonly #owner: SessionOwner;
  #session: ResumableSession;
  readonly #intake: Intake<ClientMessage>;
  /**
   * `awaiting`: no `start` or `resume` has come. `recalling`: its session is looked for.
   * `started`: its session has not answered yet.
   */
  #phase: 'awaiting' | 'recalling' | 'started' | 'ready' = 'awaiting';
  /** Events that the client has got if it answers the ping that is under way. */
  #eventsAtPing: number | undefined;

  constructor(options: ConnectionOptions) {
    const { codec, limits } = options;
    super(options, {
      encode: (message) => codec.encode(message),
      typeOf: ({ type }) => type,
      coalescing: SESSION_COALESCING,
      outboxBytesMax: limits.outboxBytesMax,
      messagesPerSecondMax: limits.messagesPerSecondMax,
      slowReader: CLOSE.slowReader,
    });
    this.#options = options;
    this.#intake = this.intake({
      bytesOf: (message) => (message.type === 'audio' ? message.data.byteLength : 0),
      deliver: (message) => this.#session.receive(message),
      backlogMs: () => this.#session.backlogMs,
      onceDrained: (callback) => this.#session.onceDrained(callback),
      onError: (error) => this.#crash(error),
    });
    this.#owner = {
      send: (message) => this.send(message),
      end: (reason) => this.end(reason),
      takenOver: () => this.close(CLOSE.takenOver),
    };
    this.#session = options.sessions.open(options.createSession, this.#owner, options.client);
  }

  override pong(): void {
    // Frames come in order: what was sent before the ping has arrived.
    if (this.#eventsAtPing !== undefined) this.#session.confirm(this.#eventsAtPing);
    this.#eventsAtPing = undefined;
    super.pong();
  }

  override async drain(): Promise<void> {
    if (this.isOpen) {
      if (this.#phase === 'awaiting' || this.#phase === 'recalling') {
        this.end(CLOSE.goingAway);
      } else if (!(await this.#move())) {
        // What waits in the inbox was sent before the shutdown, but there is no time for it: the client still has it
        // and may resume.
        this.#intake.clear();
        await this.#session.drain().catch((error: unknown) => this.#crash(error));
      }
    }
    await super.drain();
  }

  /** Sends the client to another node, once its utterance is over (rule RS13). False: it cannot go on there. */
  async #move(): Promise<boolean> {
    const { sessions } = this.#options;
    if (!sessions.movesSessions || !this.#session.mayMove) return false;
    await within(QUIET_MS_MAX, this.#session.quiet(), undefined);
    if (!this.isOpen) return true;
    if (!(await sessions.handOver(this.#session))) return false;
    this.end(CLOSE.moved);
    return true;
  }

  protected override receive(frame: string | Uint8Array): void {
    try {
      const message = this.#options.codec.decode(frame);
      if (message !== undefined) this.#take(message);
    } catch (error) {
      if (error instanceof ProtocolError) this.#answer(error);
      else this.#crash(error);
    }
  }

  protected override refuse(excess: Excess, message: string): void {
    this.#fail(errorMessage(excess, message), excess === 'message_too_large' ? CLOSE.messageTooLarge : CLOSE.tooFast);
  }

  protected override attend(now: number): boolean {
    const { startTimeoutMs } = this.limits;
    if (this.#phase === 'awaiting' && now - this.openedAt > startTimeoutMs) {
      this.#fail(errorMessage('not_started', `No "start" came within ${startTimeoutMs} ms.`), CLOSE.idle);
    }
    if (this.#intake.isHeld) return false;
    if (this.isIdle(now)) this.end(CLOSE.idle);
    return true;
  }

  protected override ping(): void {
    if (!this.outbox.isWaiting) this.#eventsAtPing ??= this.#session.events;
    super.ping();
  }

  protected override send(message: ServerMessage): void {
    if (this.isOpen && (message.type === 'ready' || message.type === 'resumed')) this.#phase = 'ready';
    super.send(message);
  }

  protected override ending(): void {
    this.#intake.clear();
  }

  protected override leave(code?: number): void {
    const mayReturn = code === VANISHED || code === CLOSE.away.code;
    this.#options.sessions.release(this.#session, this.#owner, mayReturn);
    this.#intake.clear();
    if (code !== undefined) this.#options.log.debug({ session: this.#session.id, code }, 'connection closed');
  }

  #take(message: ClientMessage): void {
    this.metrics.messagesReceived.add(1, message.type);
    if (message.type === 'resume' && this.#phase === 'awaiting') return this.#resume(message);
    if (this.#phase === 'recalling' && message.type !== 'ping') {
      return this.#fail(errorMessage('not_started', 'Wait for "resumed" before you send more.'), CLOSE.protocolError);
    }
    if (message.type === 'start' && this.#phase === 'awaiting') this.#start(message.audio);
    // A ping asks whether anybody is there: it does not wait behind audio (rule PI1).
    if (message.type === 'ping') return this.#intake.deliver(message);
    if (this.#intake.take(message)) return;
    const text =
      'Audio comes faster than it is processed: send no more than ready.limits.bufferedAudioMsMax ahead of the last ack.';
    this.#fail(errorMessage('audio_too_fast', text), CLOSE.tooFast);
  }

  /** Goes on with a session of an earlier socket, in place of the one that never started here. */
  #resume(message: ResumeMessage): void {
    const { token, events } = message;
    const { sessions, client } = this.#options;
    const session = sessions.claim(token, events, client);
    if (session === undefined || sessions.isDoubtful(session))
      void this.#recall(message).catch((error: unknown) => this.#crash(error));
    else this.#goOnWith(session, events);
  }

  /** The session may have been another node's. */
  async #recall(message: ResumeMessage): Promise<void> {
    const { sessions, createSession, client } = this.#options;
    this.#phase = 'recalling';
    const session = await sessions.recall(message, createSession, this.#owner, client);
    if (!this.isOpen) {
      if (typeof session !== 'string') sessions.leave(session);
      return;
    }
    if (session === 'noRoom') {
      const text = 'This server cannot go on with the session now: try again, it may be another one that answers.';
      return this.#fail(errorMessage('overloaded', text), CLOSE.tryAgainLater);
    }
    this.#goOnWith(session, message.events);
  }

  #goOnWith(session: ResumableSession | 'unknown', events: number): void {
    const { sessions } = this.#options;
    if (session === 'unknown' || session.audio === undefined) {
      const text = 'No session has this token (any more), or some of its events are lost: start a new one.';
      return this.#fail(errorMessage('resume_unknown', text), CLOSE.unknownSession);
    }
    sessions.forget(this.#session);
    this.#session = session;
    this.#start(session.audio);
    session.attach(this.#owner, events);
    this.#options.log.debug({ session: session.id }, 'session resumed');
  }

  #start(audio: AudioFormat): void {
    this.#phase = 'started';
    const bytesPerMs = (bytesPerFrame(audio) * audio.sampleRate) / 1_000;
    this.#intake.lowerBound(this.limits.bufferedAudioMsMax * bytesPerMs);
  }

  /** An error that ends the connection. */
  #fail(error: ErrorMessage, reason: CloseReason): void {
    // Its text may quote what the client wrote, which no log may hold.
    this.#options.log.info({ session: this.#session.id, error: error.code, close: reason.code }, 'ending a connection');
    this.#tell({ ...error, fatal: true });
    this.#options.sessions.forget(this.#session);
    this.end(reason);
  }

  /** Answers a frame that breaks the protocol. Before `ready` there is nothing to go on with. */
  #answer(error: ProtocolError): void {
    const answer = errorMessage(error.code, error.message);
    if (this.#phase === 'ready' && !answer.fatal) {
      const { messageType: type } = error;
      if (type === undefined || isCounted({ type })) this.#session.refused();
      return this.#tell(answer);
    }
    this.#fail(answer, error.code === 'message_too_large' ? CLOSE.messageTooLarge : CLOSE.protocolError);
  }

  /** An error of the connection rather than the session. */
  #tell(error: ErrorMessage): void {
    this.metrics.errors.add(1, error.code);
    this.#session.send(error);
  }

  #crash(error: unknown): void {
    this.#options.log.error({ session: this.#session.id, err: error }, 'session failed');
    this.#fail(errorMessage('internal', 'The server failed on this session.'), CLOSE.internal);
  }
}
