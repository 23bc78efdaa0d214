// A session's way to its server: one connection after another, and where the session goes on after each loss.
import {
  CLOSE,
  isEvent,
  type ErrorMessage,
  type ReadyMessage,
  type ResumedMessage,
  type ServerMessage,
  type StartMessage,
} from '@sotto/protocol/client';
import { ConnectError, ConnectionLostError, ServerError, type SottoError } from './errors.js';
import type { OutgoingQueue } from './outgoing-queue.js';
import type { PendingAnswers } from './pending-answers.js';
import { mayReturn, ReconnectPolicy, type ReconnectOptions } from './reconnect-policy.js';
import type { ReconnectingEvent, RestartedEvent } from './session-event.js';
import { BROKEN, SocketLink, type LinkOptions, type Loss } from './socket-link.js';
import type { StreamPosition } from './stream-position.js';

export interface SessionLinkOptions extends Pick<LinkOptions, 'url' | 'webSocket' | 'codec' | 'auth' | 'silenceMsMax'> {
  readonly connectTimeoutMs: number;
  /** False: a lost connection ends the session. */
  readonly reconnect: ReconnectOptions | false;
  /** Told of every connection: what waits is sent on it. */
  readonly outgoing: OutgoingQueue;
  readonly position: StreamPosition;
  readonly answers: PendingAnswers;
  /** What a new session begins with. */
  readonly start: () => StartMessage;
  /** The session has been asked to stop: an answer is due. */
  readonly isStopping: () => boolean;
  /** Whether a connection that closed with this code ends the session as it should, or for a reason known already. */
  readonly isOver: (closeCode: number) => boolean;
  readonly onEvent: (event: ReadyMessage | ResumedMessage | ReconnectingEvent | RestartedEvent) => void;
  /** Everything else that the server says, with the times and ids of the whole stream. */
  readonly onMessage: (message: ServerMessage) => void;
  /** Nothing comes any more. Without `error` it was over by then. */
  readonly onEnd: (end: Loss & { readonly error?: SottoError }) => void;
}

/** A server that asks for a longer wait has ended the session: nobody speaks for so long into nothing, milliseconds. */
const RETRY_AFTER_MS_MAX = 60_000;

/**
 * Says hello on each connection, or asks for the session that was lost (rules RS1 to RS7). Where the server no longer
 * knows it, a new session begins where the words of the last one end.
 */
export class SessionLink {
  readonly #options: SessionLinkOptions;
  readonly #policy: ReconnectPolicy;
  #socket: SocketLink;
  #cancelRetry: () => void = () => {};
  /** The `ready` of the session that runs. */
  #greeting: ReadyMessage | undefined;
  /** Opens the way back to it. */
  #token: string | undefined;
  /** Whether this connection has been answered. */
  #isLinked = false;
  /** Events of the session so far (rule RS3). */
  #events = 0;

  constructor(options: SessionLinkOptions) {
    const { reconnect } = options;
    this.#options = options;
    this.#policy = new ReconnectPolicy(reconnect === false ? { attemptsMax: 0 } : reconnect);
    this.#socket = this.#connect();
  }

  /** Sends a message on the connection that stands; nothing where none does. */
  send(message: Parameters<SocketLink['send']>[0]): void {
    if (this.#isLinked) this.#socket.send(message);
  }

  /** The server takes audio in: the next loss counts from one again. */
  progressed(): void {
    this.#policy.progressed();
  }

  /** The session is over at the server: the next connection begins a new one. */
  forgetSession(): void {
    this.#token = undefined;
  }

  /** Closes the connection and makes no other. May be called twice. */
  close(code: number): void {
    this.#cancelRetry();
    this.#socket.close(code);
  }

  #connect(): SocketLink {
    const { url, webSocket, codec, auth, connectTimeoutMs, silenceMsMax } = this.#options;
    const { outgoing, answers, isStopping } = this.#options;
    this.#isLinked = false;
    return new SocketLink({
      url,
      webSocket,
      codec,
      auth,
      timeoutMs: connectTimeoutMs,
      silenceMsMax,
      // Where nothing is due, pings would only keep a forgotten session from its idle bound (CL3).
      isExpecting: () => outgoing.isInFlight || answers.areDue || isStopping(),
      clock: this.#policy.clock,
      hello: () =>
        this.#token === undefined
          ? this.#options.start()
          : { type: 'resume', token: this.#token, events: this.#events, keptFrom: this.#keptFrom },
      onMessage: (message) => this.#receive(message),
      onGarbage: (error) => this.#fail(ServerError.ofGarbage(error)),
      onLost: (loss) => this.#onLost(loss),
    });
  }

  /** In the session, whose samples begin at its base. */
  get #keptFrom(): number {
    const { outgoing, position } = this.#options;
    return Math.max(0, outgoing.keptFrom - position.baseSamples);
  }

  #reconnect(): void {
    try {
      this.#socket = this.#connect();
    } catch (failure) {
      // The platform, or the caller's factory, makes no socket now.
      this.#onLost({ closeCode: BROKEN, reason: 'no socket could be made', failure });
    }
  }

  #receive(message: ServerMessage | undefined): void {
    if (message === undefined || isEvent(message)) this.#events++;
    if (message === undefined) return;
    if (message.type === 'ready') return this.#onReady(message);
    if (message.type === 'resumed') return this.#onResumed(message);
    if (message.type === 'error' && message.fatal && !this.#isLinked && this.#greeting !== undefined) {
      return this.#onRefused(message);
    }
    this.#options.onMessage(this.#options.position.place(message));
  }

  #onReady(message: ReadyMessage): void {
    const isFirst = this.#greeting === undefined;
    this.#greeting = message;
    this.#token = this.#options.reconnect === false ? undefined : message.resumeToken;
    this.#events = 0;
    this.#linked();
    if (isFirst) this.#options.onEvent(message);
    else this.#restart(message);
    this.#keepFrom(message.keepFrom);
    this.#open(message);
  }

  /** @param offset in the session; undefined: it does not survive its server */
  #keepFrom(offset: number | undefined): void {
    const { outgoing, position } = this.#options;
    outgoing.keepFrom(offset === undefined ? undefined : offset + position.baseSamples);
  }

  /** A new session goes on where the words of the last one end. */
  #restart({ sessionId, watchToken }: ReadyMessage): void {
    const { outgoing, position, start, onEvent } = this.#options;
    const samplesPerMs = start().audio.sampleRate / 1_000;
    const wanted = Math.floor(position.settledMs * samplesPerMs);
    const from = outgoing.restart(wanted);
    position.restart(from);
    const fromMs = from / samplesPerMs;
    const lostMs = Math.max(0, from - wanted) / samplesPerMs;
    const share = watchToken === undefined ? {} : { watchToken };
    onEvent({ type: 'restarted', sessionId, fromMs, lostMs, ...share });
  }

  #onResumed(message: ResumedMessage): void {
    const { outgoing, position, onEvent } = this.#options;
    const { events, segments } = message;
    const placed = {
      ...message,
      offset: message.offset + position.baseSamples,
      ...(segments !== undefined && { segments: segments + position.baseSegmentId }),
    };
    this.#linked();
    if (events !== undefined) this.#events = events;
    if (placed.segments !== undefined) position.goBack(placed.offset, placed.segments);
    if (events === undefined) outgoing.resume(placed.offset, placed.messages);
    else outgoing.resumeElsewhere(placed.offset, placed.messages);
    onEvent(placed);
    if (this.#greeting !== undefined) this.#open(this.#greeting);
  }

  #linked(): void {
    this.#isLinked = true;
    this.#socket.answered();
    this.#policy.connected();
  }

  #open({ limits }: ReadyMessage): void {
    const { outgoing, answers } = this.#options;
    for (const id of answers.pings) this.send({ type: 'ping', id });
    outgoing.open(limits.bufferedAudioMsMax);
  }

  /** A server did not let us back in. */
  #onRefused({ code, message, retryable, retryAfterMs = 0 }: ErrorMessage): void {
    this.#socket.close(CLOSE.away.code);
    if (code === 'resume_unknown' && this.#token !== undefined) {
      this.#token = undefined;
      this.#reconnect();
    } else if (retryable && retryAfterMs <= RETRY_AFTER_MS_MAX) {
      this.#onLost({ closeCode: CLOSE.tryAgainLater.code, reason: message }, retryAfterMs);
    } else {
      this.#fail(new ServerError(code, message, retryable, retryAfterMs));
    }
  }

  #fail(error: SottoError): void {
    this.#options.onEnd({ closeCode: CLOSE.protocolError.code, reason: error.message, error });
  }

  /** @param retryAfterMs what the server asked for */
  #onLost(loss: Loss, retryAfterMs = 0): void {
    const { outgoing, isOver, onEvent, onEnd } = this.#options;
    const { closeCode } = loss;
    if (isOver(closeCode)) return onEnd(loss);
    this.#isLinked = false;
    outgoing.suspend();
    const delayMs =
      this.#greeting !== undefined && mayReturn(closeCode) ? this.#nextDelayMs(closeCode, retryAfterMs) : undefined;
    if (delayMs === undefined) return onEnd({ ...loss, error: this.#lost(loss) });
    this.#cancelRetry = this.#policy.clock.after(delayMs, () => this.#reconnect());
    onEvent({ type: 'reconnecting', attempt: this.#policy.attempts, delayMs, closeCode });
  }

  /** A server that sends its clients elsewhere wants them gone: the first attempt is made at once. */
  #nextDelayMs(closeCode: number, retryAfterMs: number): number | undefined {
    const delayMs = this.#policy.next(retryAfterMs);
    return closeCode === CLOSE.moved.code && this.#policy.attempts === 1 ? 0 : delayMs;
  }

  #lost({ closeCode, reason, failure }: Loss): SottoError {
    const cause = failure === undefined ? {} : { cause: failure };
    if (this.#greeting === undefined) {
      return new ConnectError(this.#options.url, describeFailure(failure) ?? reason, cause);
    }
    return new ConnectionLostError(closeCode, reason, mayReturn(closeCode), cause);
  }
}

/** What a socket's `error` event tells; browsers tell nothing. */
function describeFailure(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined;
  const code: unknown = 'code' in failure ? failure.code : undefined;
  return failure.message || (typeof code === 'string' ? code : failure.name);
}
