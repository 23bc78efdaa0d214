// One client: decodes what it sends, drives its session, and closes it by name when a bound is passed.
import {
  bytesPerFrame,
  CLOSE,
  errorMessage,
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
import type { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import type { SessionFactory } from '../../session/session-port.js';
import type { Clock } from '../clock.js';
import { SESSION_COALESCING } from '../coalescing.js';
import { Heartbeat } from './heartbeat.js';
import { Intake } from './intake.js';
import type { GatewayLimits } from '../limits.js';
import { MessageRate } from './message-rate.js';
import { Outbox } from './outbox.js';
import type { ResumableSession, SessionOwner } from '../resume/resumable-session.js';
import type { SessionKeeper } from '../resume/session-registry.js';
import type { SocketHandlers, TransportSocket } from '../../transport/transport.js';

export interface ConnectionOptions {
  readonly socket: TransportSocket;
  readonly codec: ServerCodec;
  readonly createSession: SessionFactory;
  readonly sessions: SessionKeeper;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  /** Called once when the socket is gone. */
  readonly onClosed: (connection: Connection) => void;
}

/** The close code that stands for no close frame at all. */
const VANISHED = 1006;

/**
 * `open`: messages go both ways. `ending`: the session is over, what it said is being sent. `closing`: nothing is sent any more, the socket is
 * being closed. `closed`: it is gone.
 */
type ConnectionState = 'open' | 'ending' | 'closing' | 'closed';

export class Connection implements SocketHandlers {
  readonly #options: ConnectionOptions;
  readonly #owner: SessionOwner;
  #session: ResumableSession;
  readonly #outbox: Outbox<ServerMessage>;
  readonly #intake: Intake<ClientMessage>;
  readonly #heartbeat: Heartbeat;
  readonly #rate: MessageRate;
  readonly #openedAt: number;
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => {};
  #state: ConnectionState = 'open';
  #started = false;
  #ready = false;
  #messageAt: number;
  /** Events that the client has got if it answers the ping that is under way. */
  #eventsAtPing: number | undefined;

  constructor(options: ConnectionOptions) {
    const { socket, codec, limits, clock, metrics } = options;
    this.#options = options;
    this.#openedAt = clock.now();
    this.#messageAt = this.#openedAt;
    this.#gone = new Promise((resolve) => (this.#resolveGone = resolve));
    this.#heartbeat = new Heartbeat(limits, this.#openedAt);
    this.#intake = new Intake({
      socket,
      inboxBytesMax: limits.inboxBytesMax,
      bytesOf: (message) => (message.type === 'audio' ? message.data.byteLength : 0),
      backlogMsMax: limits.bufferedAudioMsMax,
      deliver: (message) => this.#session.receive(message),
      backlogMs: () => this.#session.backlogMs,
      onceDrained: (callback) => this.#session.onceDrained(callback),
      isOpen: () => this.#state === 'open',
      onReleased: () => {
        this.#messageAt = clock.now();
        this.#heartbeat.answered();
      },
      onError: (error) => this.#crash(error),
    });
    this.#rate = new MessageRate(limits.messagesPerSecondMax, this.#openedAt);
    this.#outbox = new Outbox({
      socket,
      encode: (message) => codec.encode(message),
      coalescing: SESSION_COALESCING,
      bytesMax: limits.outboxBytesMax,
      now: clock.now,
      onSent: (message, bytes) => {
        metrics.messagesSent.add(1, message.type);
        metrics.bytesSent.add(bytes);
      },
      onCoalesced: () => metrics.messagesCoalesced.add(),
    });
    this.#owner = {
      send: (message) => this.#send(message),
      end: (reason) => this.#end(reason),
      takenOver: () => this.#close(CLOSE.takenOver),
    };
    this.#session = options.sessions.open(options.createSession, this.#owner);
  }

  message(data: Uint8Array, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    const { limits, metrics, codec, clock } = this.#options;
    metrics.bytesReceived.add(data.byteLength);
    this.#messageAt = clock.now();
    this.#heartbeat.heard();
    if (!this.#rate.take(this.#messageAt)) {
      const text = `At most ${limits.messagesPerSecondMax} messages per second: send larger chunks of audio.`;
      return this.#fail(errorMessage('too_many_messages', text), CLOSE.tooFast);
    }
    if (data.byteLength > limits.messageBytesMax) {
      const text = `A message has at most ${limits.messageBytesMax} bytes, got ${data.byteLength}.`;
      return this.#fail(errorMessage('message_too_large', text), CLOSE.messageTooLarge);
    }
    try {
      const message = codec.decode(
        isBinary ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString(),
      );
      if (message !== undefined) this.#take(message);
    } catch (error) {
      if (error instanceof ProtocolError) this.#refuse(error);
      else this.#crash(error);
    }
  }

  drained(): void {
    this.#outbox.drained();
  }

  pong(): void {
    // Frames come in order: what was sent before the ping has arrived.
    if (this.#eventsAtPing !== undefined) this.#session.confirm(this.#eventsAtPing);
    this.#eventsAtPing = undefined;
    this.#heartbeat.answered();
  }

  closed(code: number): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#leave(code === VANISHED || code === CLOSE.away.code);
    this.#options.metrics.connectionsClosed.add(1, closeLabel(code));
    this.#options.log.debug({ session: this.#session.id, code }, 'connection closed');
    this.#resolveGone();
    this.#options.onClosed(this);
  }

  /** Looks for a client that is late, gone or not reading; called about once a second. */
  check(now: number): void {
    const { limits, socket } = this.#options;
    if (this.#state !== 'open' && this.#state !== 'ending') return;
    if (this.#outbox.stalledMs > limits.outboxStallMs) return this.#close(CLOSE.slowReader);
    if (this.#state === 'ending') return;
    if (!this.#started && now - this.#openedAt > limits.startTimeoutMs) {
      const text = `No "start" came within ${limits.startTimeoutMs} ms.`;
      return this.#fail(errorMessage('not_started', text), CLOSE.idle);
    }
    // A peer that we do not read cannot be heard.
    if (this.#intake.isHeld) return;
    if (now - this.#messageAt > limits.idleTimeoutMs) return this.#end(CLOSE.idle);
    switch (this.#heartbeat.check(now)) {
      case 'fine':
        return;
      case 'gone':
        return socket.terminate();
      case 'deaf':
        return this.#close(CLOSE.slowReader);
      case 'ping':
        if (!this.#outbox.isWaiting) this.#eventsAtPing ??= this.#session.events;
        socket.ping();
    }
  }

  /** The server shuts down: lets the session finish; resolves when the socket is gone. */
  async drain(): Promise<void> {
    if (this.#state === 'open') {
      if (this.#started) {
        // What waits in the inbox was sent before the shutdown, but there is no time for it: the client still has it and may resume.
        this.#intake.clear();
        await this.#session.drain().catch((error: unknown) => this.#crash(error));
      } else {
        this.#end(CLOSE.goingAway);
      }
    }
    await this.#gone;
  }

  /** Drops the connection. */
  terminate(): void {
    this.#options.socket.terminate();
  }

  #take(message: ClientMessage): void {
    this.#options.metrics.messagesReceived.add(1, message.type);
    if (message.type === 'resume' && !this.#started) return this.#resume(message);
    if (message.type === 'start' && !this.#started) this.#start(message.audio);
    // A ping asks whether anybody is there: it does not wait behind audio (rule PI1).
    if (message.type === 'ping') return this.#intake.deliver(message);
    if (this.#intake.take(message)) return;
    const text =
      'Audio comes faster than it is processed: send no more than ready.limits.bufferedAudioMsMax ahead of the last ack.';
    this.#fail(errorMessage('audio_too_fast', text), CLOSE.tooFast);
  }

  /** Goes on with a session of an earlier socket, in place of the one that never started here. */
  #resume({ token, events }: ResumeMessage): void {
    const { sessions } = this.#options;
    const session = sessions.claim(token, events);
    if (session?.audio === undefined) {
      const text = 'There is no session of this token (any more), or events of it are lost: start a new one.';
      return this.#fail(errorMessage('resume_unknown', text), CLOSE.unknownSession);
    }
    sessions.forget(this.#session);
    this.#session = session;
    this.#start(session.audio);
    session.attach(this.#owner, events);
    this.#options.log.debug({ session: session.id }, 'session resumed');
  }

  #start(audio: AudioFormat): void {
    this.#started = true;
    const bytesPerMs = (bytesPerFrame(audio) * audio.sampleRate) / 1_000;
    this.#intake.lowerBound(this.#options.limits.bufferedAudioMsMax * bytesPerMs);
  }

  #send(message: ServerMessage): void {
    if (this.#state !== 'open') return;
    if (message.type === 'ready' || message.type === 'resumed') this.#ready = true;
    if (!this.#outbox.send(message)) this.#close(CLOSE.slowReader);
  }

  /** Sends what waits, then closes. */
  #end(reason: CloseReason): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#intake.clear();
    this.#outbox.onceEmpty(() => this.#close(reason));
  }

  /** Closes without sending what waits. */
  #close(reason: CloseReason): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#leave(false);
    this.#options.socket.close(reason.code, reason.reason);
  }

  /** An error that ends the connection. */
  #fail(error: ErrorMessage, reason: CloseReason): void {
    // Its text may quote what the client wrote, which no log may hold.
    this.#options.log.info({ session: this.#session.id, error: error.code, close: reason.code }, 'ending a connection');
    this.#session.send({ ...error, fatal: true });
    this.#options.sessions.forget(this.#session);
    this.#end(reason);
  }

  /** Answers a frame that breaks the protocol. Before `ready` there is nothing to go on with. */
  #refuse(error: ProtocolError): void {
    const answer = errorMessage(error.code, error.message);
    if (this.#ready && !answer.fatal) {
      this.#session.refused();
      return this.#session.send(answer);
    }
    this.#fail(answer, error.code === 'message_too_large' ? CLOSE.messageTooLarge : CLOSE.protocolError);
  }

  #crash(error: unknown): void {
    this.#options.log.error({ session: this.#session.id, err: error }, 'session failed');
    this.#fail(errorMessage('internal', 'The server failed on this session.'), CLOSE.internal);
  }

  #leave(mayReturn: boolean): void {
    this.#options.sessions.release(this.#session, this.#owner, mayReturn);
    this.#intake.clear();
    this.#outbox.clear();
  }
}

/** Close codes as a metric's label: ours and the standard ones by number, whatever else a peer invents together. */
export function closeLabel(code: number): string {
  const known = code >= 1000 && code <= 1015;
  return known || Object.values(CLOSE).some((reason) => reason.code === code) ? String(code) : 'other';
}
