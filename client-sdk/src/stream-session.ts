// One live stream as its user sees it: audio in, events out, across lost connections, and an end that is always told.
import {
  CLOSE,
  isEvent,
  type ErrorMessage,
  type FinalMessage,
  type ReadyMessage,
  type RecognitionSettings,
  type ResumedMessage,
  type ServerMessage,
  type StartMessage,
  type StoppedMessage,
} from '@sotto/protocol/client';
import { deferred } from './deferred.js';
import { ConnectError, ConnectionLostError, ServerError, SessionClosedError, type SottoError } from './errors.js';
import { EventOutlets, type EventOf, type EventType } from './event-outlets.js';
import { OutgoingQueue } from './outgoing-queue.js';
import { pcmBytes, type Pcm } from './pcm-bytes.js';
import { PendingAnswers, type MarkEcho } from './pending-answers.js';
import { mayReturn, ReconnectPolicy, type ReconnectOptions } from './reconnect-policy.js';
import type { SessionEvent } from './session-event.js';
import { BROKEN, SocketLink, type LinkOptions, type Loss } from './socket-link.js';
import { StreamPosition } from './stream-position.js';

/** What {@link StreamSession} needs; `connect` fills it in. */
export interface StreamSessionOptions extends Pick<
  LinkOptions,
  'url' | 'webSocket' | 'codec' | 'auth' | 'silenceMsMax'
> {
  readonly start: StartMessage;
  readonly connectTimeoutMs: number;
  readonly bufferedMsMax: number;
  readonly bufferedBytesMax: number;
  readonly reconnect: ReconnectOptions | false;
}

/** How a session ended. Without `error` it ended as it should. */
export interface SessionEnd {
  readonly closeCode: number;
  readonly reason: string;
  readonly error?: SottoError;
}

/** A server that asks for a longer wait has ended the session: nobody speaks for so long into nothing, milliseconds. */
const RETRY_AFTER_MS_MAX = 60_000;

type State = 'connecting' | 'streaming' | 'stopping' | 'closed';

/**
 * A session on a server. Events come to listeners (`on`) and to async iterators (`for await (const event of session)`),
 * each from the moment it was added. A lost connection is made again (`reconnecting`, then `resumed` or `restarted`).
 * Errors that are not fatal are events of type `error`; the end of the session, good or bad, is told by `closed`, by
 * iterators and by every promise that waits.
 */
export class StreamSession implements AsyncIterable<SessionEvent> {
  /** Resolves once, when the session has ended; never rejects. */
  readonly closed: Promise<SessionEnd>;

  readonly #options: StreamSessionOptions;
  readonly #outgoing: OutgoingQueue;
  readonly #position: StreamPosition;
  readonly #policy: ReconnectPolicy;
  readonly #outlets = new EventOutlets();
  readonly #answers = new PendingAnswers();
  readonly #end = deferred<SessionEnd>();
  readonly #ready = deferred<ReadyMessage>();
  readonly #stopped = deferred<StoppedMessage>();
  #link: SocketLink;
  #cancelRetry: () => void = () => {};
  #state: State = 'connecting';
  /** The `ready` of the session that runs. */
  #greeting: ReadyMessage | undefined;
  /** Opens the way back to it. */
  #token: string | undefined;
  /** Whether this connection has been answered. */
  #isLinked = false;
  /** Events of the session so far (rule RS3). */
  #events = 0;
  #start: StartMessage;
  #hasStopped = false;
  /** Why the session must end, known before the socket has closed. */
  #error: SottoError | undefined;

  constructor(options: StreamSessionOptions) {
    const { start, bufferedMsMax, bufferedBytesMax, reconnect } = options;
    this.#options = options;
    this.#start = reconnect === false ? start : { ...start, keepsAudio: true };
    this.closed = this.#end.promise;
    this.#position = new StreamPosition(start.audio.sampleRate);
    this.#policy = new ReconnectPolicy(reconnect === false ? { attemptsMax: 0 } : reconnect);
    this.#outgoing = new OutgoingQueue({
      format: start.audio,
      bufferedMsMax,
      bufferedBytesMax,
      transmit: (message) => this.#link.send(message),
      onConfigured: (settings) => (this.#start = withSettings(this.#start, settings)),
    });
    this.#link = this.#connect();
  }

  /**
   * Resolves with the server's greeting. Rejects with {@link ConnectError} or {@link ServerError}. Audio may be sent
   * before.
   */
  ready(): Promise<ReadyMessage> {
    return this.#ready.promise;
  }

  /** Samples (per channel) sent so far. */
  get sentSamples(): number {
    return this.#outgoing.offset;
  }

  /** Audio that waits for the server to take it, milliseconds. */
  get bufferedMs(): number {
    return this.#outgoing.bufferedMs;
  }

  /**
   * Sends audio in the session's format; the samples are copied. Returns whether more may be sent at once; if not, a
   * sender that is not bound to real time waits for `drained()`. While there is no connection the audio is kept.
   * @throws {BufferFullError} if too much waits already; the chunk was not taken
   * @throws {SessionClosedError} after `stop` or the end
   * @throws {TypeError} if the samples do not fit the encoding
   */
  send(pcm: Pcm): boolean {
    this.#requireOpen();
    return this.#outgoing.pushAudio(pcmBytes(pcm, this.#start.audio.encoding));
  }

  /** Resolves when no audio waits any more, or the session has ended. */
  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  /**
   * Ends the utterance in progress. Resolves with its final, or with undefined if there was none. Rejects with
   * {@link SottoError}.
   */
  async finalize(): Promise<FinalMessage | undefined> {
    this.#requireOpen();
    const id = this.#answers.nextId();
    this.#outgoing.push({ type: 'finalize', id });
    // Where nothing was in progress `finalize` has no answer (FN2); the mark behind it always has.
    await this.#mark(id);
    return this.#answers.takeFinal(id);
  }

  /** Resolves when all audio sent before is processed and its finals have come. Rejects with {@link SottoError}. */
  async mark(): Promise<MarkEcho> {
    this.#requireOpen();
    return this.#mark(this.#answers.nextId());
  }

  /** Changes settings from the next utterance on; a wrong one is answered with an `error` event. */
  configure(settings: RecognitionSettings): void {
    this.#requireOpen();
    this.#outgoing.push({ type: 'configure', ...settings });
  }

  /**
   * Resolves with the round trip to the server, milliseconds; audio that waits is overtaken. Rejects with
   * {@link SottoError}.
   */
  async ping(): Promise<number> {
    await this.#ready.promise;
    if (this.#state === 'closed') throw this.#closedError();
    const id = this.#answers.nextId();
    const answer = this.#answers.ping(id);
    const sentAt = performance.now();
    if (this.#isLinked) this.#link.send({ type: 'ping', id });
    await answer;
    return performance.now() - sentAt;
  }

  /**
   * Sends what waits, then ends the stream. Resolves with the totals when all finals have come. Rejects with
   * {@link SottoError}.
   */
  stop(): Promise<StoppedMessage> {
    if (this.#state === 'connecting' || this.#state === 'streaming') {
      this.#state = 'stopping';
      this.#outgoing.push({ type: 'stop' });
    }
    return this.#stopped.promise;
  }

  /** Drops the session at once, with what the server has not sent yet. May be called twice. */
  close(): void {
    if (this.#state !== 'closed') this.#finish({ closeCode: CLOSE.done.code, reason: '' });
  }

  /** Calls `listener` with each event of a type. Returns a function that removes it. */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    return this.#outlets.on(type, listener);
  }

  /** Reads all events from now on. Throws where the session ends badly. Many may read at once. */
  [Symbol.asyncIterator](): AsyncIterableIterator<SessionEvent> {
    return this.#outlets.iterate();
  }

  #requireOpen(): void {
    if (this.#state === 'stopping' || this.#state === 'closed') throw this.#closedError();
  }

  #closedError(): SottoError {
    return new SessionClosedError(this.#error === undefined ? {} : { cause: this.#error });
  }

  #mark(id: string): Promise<MarkEcho> {
    const echo = this.#answers.mark(id);
    this.#outgoing.push({ type: 'mark', id });
    return echo;
  }

  #connect(): SocketLink {
    const { url, webSocket, codec, auth, connectTimeoutMs, silenceMsMax } = this.#options;
    this.#isLinked = false;
    return new SocketLink({
      url,
      webSocket,
      codec,
      auth,
      timeoutMs: connectTimeoutMs,
      silenceMsMax,
      // Where nothing is due, pings would only keep a forgotten session from its idle bound (CL3).
      isExpecting: () => this.#outgoing.isInFlight || this.#answers.areDue || this.#state === 'stopping',
      clock: this.#policy.clock,
      hello: () =>
        this.#token === undefined
          ? this.#start
          : { type: 'resume', token: this.#token, events: this.#events, keptFrom: this.#keptFrom },
      onMessage: (message) => this.#receive(message),
      onGarbage: (error) => this.#fail(ServerError.ofGarbage(error)),
      onLost: (loss) => this.#onLost(loss),
    });
  }

  /** In the session, whose samples begin at its base. */
  get #keptFrom(): number {
    return Math.max(0, this.#outgoing.keptFrom - this.#position.baseSamples);
  }

  #reconnect(): void {
    try {
      this.#link = this.#connect();
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
    this.#handle(this.#position.place(message));
  }

  #onReady(message: ReadyMessage): void {
    const isFirst = this.#greeting === undefined;
    this.#greeting = message;
    this.#token = this.#options.reconnect === false ? undefined : message.resumeToken;
    this.#events = 0;
    this.#linked();
    if (isFirst) {
      if (this.#state === 'connecting') this.#state = 'streaming';
      this.#ready.resolve(message);
      this.#outlets.tell(message);
    } else {
      this.#restart(message);
    }
    this.#keepFrom(message.keepFrom);
    this.#open(message);
  }

  /** @param offset in the session; undefined: it does not survive its server */
  #keepFrom(offset: number | undefined): void {
    this.#outgoing.keepFrom(offset === undefined ? undefined : offset + this.#position.baseSamples);
  }

  /** A new session goes on where the words of the last one end. */
  #restart({ sessionId, watchToken }: ReadyMessage): void {
    const samplesPerMs = this.#start.audio.sampleRate / 1_000;
    const wanted = Math.floor(this.#position.settledMs * samplesPerMs);
    const from = this.#outgoing.restart(wanted);
    this.#position.restart(from);
    const fromMs = from / samplesPerMs;
    const lostMs = Math.max(0, from - wanted) / samplesPerMs;
    const share = watchToken === undefined ? {} : { watchToken };
    this.#outlets.tell({ type: 'restarted', sessionId, fromMs, lostMs, ...share });
  }

  #onResumed(message: ResumedMessage): void {
    const { events, segments } = message;
    const placed = {
      ...message,
      offset: message.offset + this.#position.baseSamples,
      ...(segments !== undefined && { segments: segments + this.#position.baseSegmentId }),
    };
    this.#linked();
    if (events !== undefined) this.#events = events;
    if (placed.segments !== undefined) this.#position.goBack(placed.offset, placed.segments);
    if (events === undefined) this.#outgoing.resume(placed.offset, placed.messages);
    else this.#outgoing.resumeElsewhere(placed.offset, placed.messages);
    this.#outlets.tell(placed);
    if (this.#greeting !== undefined) this.#open(this.#greeting);
  }

  #linked(): void {
    this.#isLinked = true;
    this.#link.answered();
    this.#policy.connected();
  }

  #open({ limits }: ReadyMessage): void {
    for (const id of this.#answers.pings) this.#link.send({ type: 'ping', id });
    this.#outgoing.open(limits.bufferedAudioMsMax);
  }

  /** A server did not let us back in. */
  #onRefused({ code, message, retryable, retryAfterMs = 0 }: ErrorMessage): void {
    this.#link.close(CLOSE.away.code);
    if (code === 'resume_unknown' && this.#token !== undefined) {
      this.#token = undefined;
      this.#reconnect();
    } else if (retryable && retryAfterMs <= RETRY_AFTER_MS_MAX) {
      this.#onLost({ closeCode: CLOSE.tryAgainLater.code, reason: message }, retryAfterMs);
    } else {
      this.#fail(new ServerError(code, message, retryable, retryAfterMs));
    }
  }

  #handle(message: ServerMessage): void {
    if (!this.#position.observe(message)) return;
    switch (message.type) {
      case 'ack':
        if (message.keepFrom !== undefined) this.#outgoing.keepFrom(message.keepFrom);
        this.#outgoing.acknowledge(message.offset, message.lagMs);
        this.#forgetSettled();
        this.#policy.progressed();
        break;
      case 'final':
        this.#forgetSettled();
        break;
      case 'mark':
        this.#outgoing.answered(message.id);
        break;
      case 'error':
        if (message.fatal) this.#error = errorOf(message);
        break;
      case 'stopped':
        // A server that shuts down has ended the session, not the stream: it goes on elsewhere.
        if (message.reason === 'drain' && this.#goesOn(message)) return void (this.#token = undefined);
        this.#hasStopped = true;
        this.#stopped.resolve(message);
        break;
      default:
        break;
    }
    this.#answers.settle(message);
    this.#outlets.tell(message);
  }

  #forgetSettled(): void {
    this.#outgoing.forget(Math.floor((this.#position.settledMs * this.#start.audio.sampleRate) / 1_000));
  }

  #goesOn({ audioMs }: StoppedMessage): boolean {
    if (this.#options.reconnect === false) return false;
    const sentMs = Math.round((this.sentSamples * 1_000) / this.#start.audio.sampleRate);
    return this.#state !== 'stopping' || audioMs < sentMs;
  }

  #fail(error: SottoError): void {
    this.#error = error;
    this.#finish({ closeCode: CLOSE.protocolError.code, reason: error.message, error });
  }

  /** @param retryAfterMs what the server asked for */
  #onLost(loss: Loss, retryAfterMs = 0): void {
    const { closeCode, reason } = loss;
    const asWished = closeCode === CLOSE.done.code || (this.#state === 'stopping' && this.#hasStopped);
    if (asWished || this.#error !== undefined) {
      return this.#finish({ closeCode, reason, ...(this.#error === undefined ? {} : { error: this.#error }) });
    }
    this.#isLinked = false;
    this.#outgoing.suspend();
    const delayMs =
      this.#greeting !== undefined && mayReturn(closeCode) ? this.#nextDelayMs(closeCode, retryAfterMs) : undefined;
    if (delayMs === undefined) {
      this.#error = this.#lost(loss);
      return this.#finish({ closeCode, reason, error: this.#error });
    }
    this.#cancelRetry = this.#policy.clock.after(delayMs, () => this.#reconnect());
    this.#outlets.tell({ type: 'reconnecting', attempt: this.#policy.attempts, delayMs, closeCode });
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

  #finish(end: SessionEnd): void {
    this.#state = 'closed';
    this.#cancelRetry();
    this.#link.close(end.closeCode === CLOSE.protocolError.code ? CLOSE.protocolError.code : CLOSE.done.code);
    this.#outgoing.close();
    const error = end.error ?? this.#closedError();
    this.#ready.reject(error);
    this.#stopped.reject(error);
    this.#answers.reject(error);
    this.#outlets.end(end.error);
    this.#end.resolve(end);
  }
}

function errorOf({ code, message, retryable, retryAfterMs }: ErrorMessage): ServerError {
  return new ServerError(code, message, retryable, retryAfterMs);
}

/** A start that has what was configured later. */
function withSettings(start: StartMessage, settings: RecognitionSettings): StartMessage {
  const endpointing = { ...start.endpointing, ...settings.endpointing };
  return { ...start, ...settings, type: 'start', ...(Object.keys(endpointing).length > 0 ? { endpointing } : {}) };
}

/** What a socket's `error` event tells; browsers tell nothing. */
function describeFailure(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined;
  const code: unknown = 'code' in failure ? failure.code : undefined;
  return failure.message || (typeof code === 'string' ? code : failure.name);
}
