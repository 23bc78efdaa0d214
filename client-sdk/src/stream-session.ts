// One live stream as its user sees it: audio in, events out, and an end that is always told.
import {
  CLOSE,
  ProtocolError,
  type ClientCodec,
  type FinalMessage,
  type Frame,
  type ReadyMessage,
  type RecognitionSettings,
  type ServerMessage,
  type StartMessage,
  type StoppedMessage,
} from '@sotto/protocol';
import { deferred, type Deferred } from './deferred.js';
import { ConnectError, ConnectionLostError, ServerError, SessionClosedError, type SottoError } from './errors.js';
import { EventQueue } from './event-queue.js';
import { OutgoingQueue } from './outgoing-queue.js';
import { pcmBytes, type Pcm } from './pcm-bytes.js';
import type { WebSocketLike } from './web-socket-like.js';

/** What {@link StreamSession} needs; `connect` fills it in. */
export interface StreamSessionOptions {
  readonly url: string;
  readonly socket: WebSocketLike;
  readonly codec: ClientCodec;
  readonly start: StartMessage;
  readonly connectTimeoutMs: number;
  readonly bufferedMsMax: number;
}

/** How a session ended. Without `error` it ended as it should. */
export interface SessionEnd {
  readonly closeCode: number;
  readonly reason: string;
  readonly error?: SottoError;
}

type EventType = ServerMessage['type'];
type EventOf<T extends EventType> = Extract<ServerMessage, { type: T }>;
type Listener = (event: ServerMessage) => void;
type State = 'connecting' | 'streaming' | 'stopping' | 'closed';

/**
 * A session on a server. Events come to listeners (`on`) and to async iterators (`for await (const event of session)`), each from the moment it was added. Errors that
 * are not fatal are events of type `error`; the end of the session, good or bad, is told by `closed`, by iterators and by every promise that waits.
 */
export class StreamSession implements AsyncIterable<ServerMessage> {
  /** Resolves once, when the session has ended; never rejects. */
  readonly closed: Promise<SessionEnd>;

  readonly #options: StreamSessionOptions;
  readonly #outgoing: OutgoingQueue;
  readonly #listeners = new Map<EventType, Set<Listener>>();
  readonly #iterators = new Set<EventQueue>();
  readonly #end = deferred<SessionEnd>();
  readonly #ready = deferred<ReadyMessage>();
  readonly #stopped = deferred<StoppedMessage>();
  /** Answers that are waited for, by the id that they will carry. */
  readonly #marks = new Map<string, Deferred<EventOf<'mark'>>>();
  readonly #pings = new Map<string, Deferred<EventOf<'pong'>>>();
  readonly #finalized = new Map<string, FinalMessage>();
  readonly #connectTimer: ReturnType<typeof setTimeout>;
  #state: State = 'connecting';
  #hasStopped = false;
  #lastId = 0;
  /** Why the session must end, known before the socket has closed. */
  #error: SottoError | undefined;
  #socketFailure: unknown;

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.closed = this.#end.promise;
    this.#outgoing = new OutgoingQueue({
      format: options.start.audio,
      bufferedMsMax: options.bufferedMsMax,
      transmit: (message) => this.#transmit(options.codec.encode(message)),
    });
    const { socket } = options;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => this.#transmit(options.codec.encode(options.start)));
    socket.addEventListener('message', (event) => this.#receive(event.data));
    socket.addEventListener('error', (event) => (this.#socketFailure = 'error' in event ? event.error : undefined));
    socket.addEventListener('close', (event) => this.#onClose(event.code, event.reason));
    this.#connectTimer = setTimeout(
      () => this.#fail(new ConnectError(options.url, `no answer within ${options.connectTimeoutMs} ms`)),
      options.connectTimeoutMs,
    );
  }

  /** Resolves with the server's greeting. Rejects with {@link ConnectError} or {@link ServerError}. Audio may be sent before. */
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
   * Sends audio in the session's format. The array must not change until it has been sent: hand over a copy where a recorder reuses its
   * buffer. Returns whether more may be sent at once; if not, a sender that is not bound to real time waits for `drained()`.
   * @throws {BufferFullError} if too much waits already; the chunk was not taken
   * @throws {SessionClosedError} after `stop` or the end
   * @throws {TypeError} if the samples do not fit the encoding
   */
  send(pcm: Pcm): boolean {
    this.#requireOpen();
    return this.#outgoing.pushAudio(pcmBytes(pcm, this.#options.start.audio.encoding));
  }

  /** Resolves when no audio waits any more, or the session has ended. */
  drained(): Promise<void> {
    return this.#outgoing.drained();
  }

  /** Ends the utterance in progress. Resolves with its final, or with undefined if there was none. Rejects with {@link SottoError}. */
  async finalize(): Promise<FinalMessage | undefined> {
    this.#requireOpen();
    const id = this.#nextId();
    this.#outgoing.push({ type: 'finalize', id });
    try {
      // Where nothing was in progress `finalize` has no answer (FN2); the mark behind it always has.
      await this.#mark(id);
      return this.#finalized.get(id);
    } finally {
      this.#finalized.delete(id);
    }
  }

  /** Resolves when all audio sent before is processed and its finals have come. Rejects with {@link SottoError}. */
  async mark(): Promise<EventOf<'mark'>> {
    this.#requireOpen();
    return this.#mark(this.#nextId());
  }

  /** Changes settings from the next utterance on; a wrong one is answered with an `error` event. */
  configure(settings: RecognitionSettings): void {
    this.#requireOpen();
    this.#outgoing.push({ type: 'configure', ...settings });
  }

  /** Resolves with the round trip to the server, milliseconds; audio that waits is overtaken. Rejects with {@link SottoError}. */
  async ping(): Promise<number> {
    await this.#ready.promise;
    if (this.#state === 'closed') throw this.#closedError();
    const id = this.#nextId();
    const answer = deferred<EventOf<'pong'>>();
    this.#pings.set(id, answer);
    const sentAt = performance.now();
    this.#transmit(this.#options.codec.encode({ type: 'ping', id }));
    await answer.promise;
    return performance.now() - sentAt;
  }

  /** Sends what waits, then ends the stream. Resolves with the totals when all finals have come. Rejects with {@link SottoError}. */
  stop(): Promise<StoppedMessage> {
    if (this.#state === 'connecting' || this.#state === 'streaming') {
      this.#state = 'stopping';
      this.#outgoing.push({ type: 'stop' });
    }
    return this.#stopped.promise;
  }

  /** Drops the session at once, with what the server has not sent yet. May be called twice. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#options.socket.close(CLOSE.done.code);
    this.#finish({ closeCode: CLOSE.done.code, reason: '' });
  }

  /** Calls `listener` with each event of a type. Returns a function that removes it. */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // Events are told apart by their type before a listener is called.
    listeners.add(listener as Listener);
    return () => listeners.delete(listener as Listener);
  }

  /** Reads all events from now on. Throws where the session ends badly. Many may read at once. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ServerMessage, undefined> {
    const queue = new EventQueue((it) => this.#iterators.delete(it));
    this.#iterators.add(queue);
    if (this.#state === 'closed') queue.end(this.#error);
    return queue;
  }

  #requireOpen(): void {
    if (this.#state === 'stopping' || this.#state === 'closed') throw this.#closedError();
  }

  #closedError(): SottoError {
    return new SessionClosedError(this.#error === undefined ? {} : { cause: this.#error });
  }

  #nextId(): string {
    return `c${++this.#lastId}`;
  }

  #mark(id: string): Promise<EventOf<'mark'>> {
    const echo = deferred<EventOf<'mark'>>();
    this.#marks.set(id, echo);
    this.#outgoing.push({ type: 'mark', id });
    return echo.promise;
  }

  #transmit(frames: readonly Frame[]): void {
    if (this.#state === 'closed') return;
    // The DOM's type excludes shared memory, which a frame never has: it is an encoder's output or the caller's own array.
    for (const frame of frames) this.#options.socket.send(frame as string | Uint8Array<ArrayBuffer>);
  }

  #receive(data: unknown): void {
    if (this.#state === 'closed') return;
    try {
      const frame = data instanceof ArrayBuffer ? new Uint8Array(data) : String(data);
      const message = this.#options.codec.decode(frame);
      if (message !== undefined) this.#handle(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(new ServerError(error.code, `The server sent what is no message: ${error.message}`, false));
    }
  }

  #handle(message: ServerMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#connectTimer);
        if (this.#state === 'connecting') this.#state = 'streaming';
        this.#ready.resolve(message);
        this.#outgoing.open(message.limits.bufferedAudioMsMax);
        break;
      case 'ack':
        this.#outgoing.acknowledge(message.offset, message.lagMs);
        break;
      case 'final':
        if (message.finalizeId !== undefined) this.#finalized.set(message.finalizeId, message);
        break;
      case 'mark':
        settle(this.#marks, message.id, message);
        break;
      case 'pong':
        if (message.id !== undefined) settle(this.#pings, message.id, message);
        break;
      case 'error':
        if (message.fatal) this.#error = new ServerError(message.code, message.message, message.retryable);
        break;
      case 'stopped':
        this.#hasStopped = true;
        this.#stopped.resolve(message);
        break;
      default:
        break;
    }
    this.#dispatch(message);
  }

  #dispatch(message: ServerMessage): void {
    for (const queue of this.#iterators) queue.push(message);
    for (const listener of this.#listeners.get(message.type) ?? []) {
      try {
        listener(message);
      } catch (error) {
        // A listener's mistake is its program's, not the session's: it surfaces as uncaught and the others still hear the event.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #fail(error: SottoError): void {
    if (this.#state === 'closed') return;
    this.#error = error;
    this.#options.socket.close(CLOSE.protocolError.code);
    this.#finish({ closeCode: CLOSE.protocolError.code, reason: error.message, error });
  }

  #onClose(closeCode: number, reason: string): void {
    if (this.#state === 'closed') return;
    const asWished = closeCode === CLOSE.done.code || (this.#state === 'stopping' && this.#hasStopped);
    this.#error ??= asWished ? undefined : this.#lost(closeCode, reason);
    this.#finish({ closeCode, reason, ...(this.#error === undefined ? {} : { error: this.#error }) });
  }

  #lost(closeCode: number, reason: string): SottoError {
    const cause = { cause: this.#socketFailure };
    if (this.#state === 'connecting') {
      return new ConnectError(this.#options.url, describeFailure(this.#socketFailure) ?? reason, cause);
    }
    const known = Object.values(CLOSE).find(({ code }) => code === closeCode);
    return new ConnectionLostError(closeCode, reason, known?.retry ?? closeCode < 4_000, cause);
  }

  #finish(end: SessionEnd): void {
    this.#state = 'closed';
    clearTimeout(this.#connectTimer);
    this.#outgoing.close();
    const error = end.error ?? this.#closedError();
    for (const waiting of [this.#ready, this.#stopped, ...this.#marks.values(), ...this.#pings.values()])
      waiting.reject(error);
    this.#marks.clear();
    this.#pings.clear();
    for (const queue of this.#iterators) queue.end(end.error);
    this.#end.resolve(end);
  }
}

function settle<T>(waiting: Map<string, Deferred<T>>, id: string, value: T): void {
  waiting.get(id)?.resolve(value);
  waiting.delete(id);
}

/** What a socket's `error` event tells; browsers tell nothing. */
function describeFailure(failure: unknown): string | undefined {
  if (!(failure instanceof Error)) return undefined;
  const code: unknown = 'code' in failure ? failure.code : undefined;
  return failure.message || (typeof code === 'string' ? code : failure.name);
}
