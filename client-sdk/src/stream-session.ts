// One live stream as its user sees it: audio in, events out, across lost connections, and an end that is always
// reported.
import {
  CLOSE,
  type ErrorMessage,
  type FinalMessage,
  type ReadyMessage,
  type RecognitionSettings,
  type ServerMessage,
  type StartMessage,
  type StoppedMessage,
} from '@sotto/protocol/client';
import { deferred } from './deferred.js';
import { ServerError, SessionClosedError, type SottoError } from './errors.js';
import { EventOutlets, type EventOf, type EventType } from './event-outlets.js';
import { OutgoingQueue } from './outgoing-queue.js';
import { pcmBytes, type Pcm } from './pcm-bytes.js';
import { PendingAnswers, type MarkEcho } from './pending-answers.js';
import type { SessionEvent } from './session-event.js';
import { SessionLink, type SessionLinkOptions } from './session-link.js';
import { StreamPosition } from './stream-position.js';

/** What {@link StreamSession} needs; `connect` fills it in. */
export interface StreamSessionOptions extends Pick<
  SessionLinkOptions,
  'url' | 'webSocket' | 'codec' | 'auth' | 'silenceMsMax' | 'connectTimeoutMs' | 'reconnect'
> {
  readonly start: StartMessage;
  readonly bufferedMsMax: number;
  readonly bufferedBytesMax: number;
}

/** How a session ended. Without `error` it ended as it should. */
export interface SessionEnd {
  readonly closeCode: number;
  readonly reason: string;
  readonly error?: SottoError;
}

type State = 'connecting' | 'streaming' | 'stopping' | 'closed';

/**
 * A session on a server. Events come to listeners (`on`) and to async iterators (`for await (const event of session)`),
 * each from the moment it was added. After a lost connection it reconnects (`reconnecting`, then `resumed` or
 * `restarted`). Errors that are not fatal are events of type `error`. The end of the session, good or bad, ends
 * `closed`, all iterators and every promise that waits.
 */
export class StreamSession implements AsyncIterable<SessionEvent> {
  /** Resolves once, when the session has ended; never rejects. */
  readonly closed: Promise<SessionEnd>;

  readonly #options: StreamSessionOptions;
  readonly #outgoing: OutgoingQueue;
  readonly #position: StreamPosition;
  readonly #link: SessionLink;
  readonly #outlets = new EventOutlets();
  readonly #answers = new PendingAnswers();
  readonly #end = deferred<SessionEnd>();
  readonly #ready = deferred<ReadyMessage>();
  readonly #stopped = deferred<StoppedMessage>();
  #state: State = 'connecting';
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
    this.#outgoing = new OutgoingQueue({
      format: start.audio,
      bufferedMsMax,
      bufferedBytesMax,
      transmit: (message) => this.#link.send(message),
      onConfigured: (settings) => (this.#start = withSettings(this.#start, settings)),
    });
    this.#link = new SessionLink({
      ...options,
      outgoing: this.#outgoing,
      position: this.#position,
      answers: this.#answers,
      start: () => this.#start,
      isStopping: () => this.#state === 'stopping',
      isOver: (closeCode) => this.#isOver(closeCode),
      onEvent: (event) => this.#onEvent(event),
      onMessage: (message) => this.#handle(message),
      onEnd: ({ closeCode, reason, error = this.#error }) => {
        this.#finish({ closeCode, reason, ...(error !== undefined && { error }) });
      },
    });
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
   * sender that is faster than real time waits for `drained()`. While there is no connection the audio is kept.
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
   * Resolves with the round trip to the server, milliseconds; pings do not wait behind audio. Rejects with
   * {@link SottoError}.
   */
  async ping(): Promise<number> {
    await this.#ready.promise;
    if (this.#state === 'closed') throw this.#closedError();
    const id = this.#answers.nextId();
    const answer = this.#answers.ping(id);
    const sentAt = performance.now();
    this.#link.send({ type: 'ping', id });
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

  /** Ends the session at once; what the server has not sent yet is lost. May be called twice. */
  close(): void {
    if (this.#state !== 'closed') this.#finish({ closeCode: CLOSE.done.code, reason: '' });
  }

  /** Calls `listener` with each event of a type. Returns a function that removes it. */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    return this.#outlets.on(type, listener);
  }

  /** Reads all events from now on. Throws if the session ends with an error. Any number may read at once. */
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

  #onEvent(event: SessionEvent): void {
    if (event.type === 'ready') {
      if (this.#state === 'connecting') this.#state = 'streaming';
      this.#ready.resolve(event);
    }
    this.#outlets.tell(event);
  }

  #handle(message: ServerMessage): void {
    if (!this.#position.observe(message)) return;
    switch (message.type) {
      case 'ack':
        if (message.keepFrom !== undefined) this.#outgoing.keepFrom(message.keepFrom);
        this.#outgoing.acknowledge(message.offset, message.lagMs);
        this.#forgetSettled();
        this.#link.progressed();
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
        if (message.reason === 'drain' && this.#goesOn(message)) return this.#link.forgetSession();
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

  #isOver(closeCode: number): boolean {
    const asWished = closeCode === CLOSE.done.code || (this.#state === 'stopping' && this.#hasStopped);
    return asWished || this.#error !== undefined;
  }

  #finish(end: SessionEnd): void {
    this.#state = 'closed';
    this.#error ??= end.error;
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
