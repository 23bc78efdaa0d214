// One client's session: the protocol's states around a live stream.
import { randomUUID } from 'node:crypto';
import {
  CLOSE,
  ERRORS,
  PROTOCOL_VERSION,
  type ClientMessage,
  type CloseReason,
  type ConfigureMessage,
  type ErrorCode,
  type ServerMessage,
  type StartMessage,
} from '@sotto/protocol';
import type { DecodeTiming, Recognizer } from '../asr/recognizer.js';
import type { Polishing } from '../polish/polishing.js';
import type { VoiceActivityDetector } from '../vad/vad.js';
import { LiveStream } from './live-stream.js';
import { withSeparateChannels } from './separate-channels.js';
import type { SessionCheckpoint } from './session-checkpoint.js';
import { SILENT_LOG, type SessionLog } from './session-port.js';
import type { SessionFactory, SessionPort, SessionSink } from './session-port.js';
import { changePolish, NO_POLISH, refusePolish } from '../polish/polish-settings.js';
import { refusalOf, type Refusal, type SessionSettings } from './session-settings.js';

export interface SessionDependencies {
  readonly vad: VoiceActivityDetector;
  readonly recognizer: Recognizer;
  /** Default: nothing is polished, and `polish` is refused. */
  readonly polishing?: Polishing | undefined;
  readonly settings: SessionSettings;
  /** Called at the end of each run that an utterance took part in. Default: nobody wants to know. */
  readonly onDecode?: ((sessionId: string, segmentId: number, decode: DecodeTiming) => void) | undefined;
  /** Where failures are reported that a client need not see. Default: nowhere. */
  readonly log?: SessionLog;
}

/** Makes the sessions of a server: they share the detector and the recogniser. */
export function createSessionFactory(dependencies: SessionDependencies): SessionFactory {
  return withSeparateChannels((sink) => new Session(sink, dependencies));
}

type State =
  | { readonly name: 'awaitingStart' }
  | { readonly name: 'streaming'; readonly stream: LiveStream }
  | { readonly name: 'stopping'; readonly stream: LiveStream }
  | { readonly name: 'ended' };

/** How a session that finishes its work says goodbye. */
const FAREWELL = { stop: CLOSE.done, drain: CLOSE.goingAway } as const;

/** The close that goes with a fatal error. */
const CLOSE_OF: Partial<Record<ErrorCode, CloseReason>> = {
  audio_too_fast: CLOSE.tooFast,
  too_many_messages: CLOSE.tooFast,
  internal: CLOSE.internal,
  overloaded: CLOSE.tryAgainLater,
};

const NO_ROOM = {
  noEngine: 'No engine runs now: try again when one is back.',
  overloaded: 'The server is late already: no further stream begins until it has caught up.',
  paused: 'The operator of this server lets no further stream begin for now: try again, or another server.',
} as const;
/** When a client that found no room should try again, milliseconds. */
const RETRY_AFTER_MS = 2_000;

export class Session implements SessionPort {
  readonly #sink: SessionSink;
  readonly #dependencies: SessionDependencies;
  readonly #log: SessionLog;
  #state: State = { name: 'awaitingStart' };
  #id = `s_${randomUUID()}`;
  #greeting: StartMessage | undefined;
  #isAttended = true;
  #onEnded: (() => void)[] = [];
  /** What the client has asked for so far. */
  #polishWish = NO_POLISH;
  /** What the stream had received when it ended. */
  #received = 0;

  constructor(sink: SessionSink, dependencies: SessionDependencies) {
    this.#sink = sink;
    this.#dependencies = dependencies;
    this.#log = dependencies.log ?? SILENT_LOG;
  }

  get id(): string {
    return this.#id;
  }

  get backlogMs(): number {
    return 'stream' in this.#state ? this.#state.stream.backlogMs : 0;
  }

  get receivedSamples(): number {
    if ('stream' in this.#state) this.#received = this.#state.stream.received;
    return this.#received;
  }

  receive(message: ClientMessage): void {
    if (this.#state.name === 'ended') return;
    if (message.type === 'ping') {
      return this.#send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
    }
    try {
      switch (this.#state.name) {
        case 'awaitingStart':
          return this.#start(message);
        case 'streaming':
          return this.#stream(message, this.#state.stream);
        case 'stopping':
          return;
      }
    } catch (error) {
      this.#fatal('internal', 'The server failed on this session.', error);
    }
  }

  onceDrained(callback: () => void): void {
    if ('stream' in this.#state) this.#state.stream.onceDrained(callback);
    else queueMicrotask(callback);
  }

  async drain(): Promise<void> {
    if (this.#state.name === 'awaitingStart') this.#end(CLOSE.goingAway);
    if (this.#state.name === 'streaming') this.#finish(this.#state.stream, 'drain');
    if (!this.#isEnded()) await new Promise<void>((resolve) => this.#onEnded.push(resolve));
  }

  attend(isThere: boolean): void {
    this.#isAttended = isThere;
  }

  checkpoint(): SessionCheckpoint | undefined {
    if (this.#state.name !== 'streaming' || this.#greeting === undefined) return undefined;
    return {
      sessionId: this.id,
      start: this.#greeting,
      polishWish: this.#polishWish,
      ...this.#state.stream.checkpoint,
    };
  }

  /** By what its client has asked for last: another node may have another model. */
  mayRestore({ start, settings: { language, languages }, polishWish }: SessionCheckpoint): boolean {
    const { recognizer, polishing } = this.#dependencies;
    if (this.#state.name !== 'awaitingStart' || recognizer.refusal !== undefined) return false;
    const refusal = refusalOf({ ...start, language, languages: [...languages] }, recognizer.model);
    return refusal === undefined && refusePolish(polishWish, polishing) === undefined;
  }

  async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    const { start, sessionId, polishWish } = checkpoint;
    const { vad, recognizer, settings, polishing } = this.#dependencies;
    if (!this.mayRestore(checkpoint)) return false;
    if (polishWish.mode !== 'off') polishing?.prepare();
    this.#id = sessionId;
    this.#greeting = start;
    this.#polishWish = polishWish;
    this.#state = { name: 'streaming', stream: this.#openStream(start, vad, recognizer, settings, checkpoint) };
    return true;
  }

  abandon(): void {
    if ('stream' in this.#state) this.#state.stream.close();
    this.#leave();
  }

  #start(message: ClientMessage): void {
    if (message.type !== 'start') {
      return this.#fatal('not_started', `The first message is "start", not "${message.type}".`);
    }
    const { vad, recognizer, settings, polishing } = this.#dependencies;
    const refusal = this.#refusalOf(message);
    if (refusal !== undefined) return this.#fatal(refusal.code, refusal.message);
    if (recognizer.refusal !== undefined) return this.#fatal('overloaded', NO_ROOM[recognizer.refusal]);
    this.#greeting = message;
    this.#state = { name: 'streaming', stream: this.#openStream(message, vad, recognizer, settings) };
    this.#send({
      type: 'ready',
      version: PROTOCOL_VERSION,
      sessionId: this.id,
      model: recognizer.model.name,
      languages: [...recognizer.model.languages],
      limits: { messageBytesMax: settings.messageBytesMax, bufferedAudioMsMax: settings.bufferedAudioMsMax },
      ...(polishing === undefined ? {} : { polish: polishing.offer }),
    });
  }

  /** Why settings cannot be honoured; where they can, the wish for polish is taken note of. */
  #refusalOf(message: StartMessage | ConfigureMessage): Refusal | undefined {
    const { recognizer, polishing } = this.#dependencies;
    const wish = changePolish(this.#polishWish, message.polish);
    const refusal = refusalOf(message, recognizer.model) ?? refusePolish(wish, polishing);
    if (refusal !== undefined) return refusal;
    this.#polishWish = wish;
    if (wish.mode !== 'off') polishing?.prepare();
    return undefined;
  }

  #openStream(
    message: StartMessage,
    vad: VoiceActivityDetector,
    recognizer: Recognizer,
    settings: SessionSettings,
    from?: SessionCheckpoint,
  ): LiveStream {
    const { onDecode } = this.#dependencies;
    return new LiveStream(
      message,
      {
        vad,
        recognizer,
        isAttended: () => this.#isAttended,
        polishing: this.#dependencies.polishing,
        settings,
        log: this.#log,
        sessionId: this.id,
        send: (answer) => this.#send(answer),
        onDecode: onDecode && ((segmentId, decode) => onDecode(this.id, segmentId, decode)),
        onFatal: (code, text, cause) => this.#fatal(code, text, cause),
      },
      from,
    );
  }

  #stream(message: Exclude<ClientMessage, { type: 'ping' }>, stream: LiveStream): void {
    switch (message.type) {
      case 'audio':
        return stream.audio(message);
      case 'finalize':
        return stream.finalize(message.id);
      case 'mark':
        return stream.mark(message.id);
      case 'configure': {
        const refusal = this.#refusalOf(message);
        if (refusal === undefined) stream.configure(message);
        else this.#error(refusal.code, refusal.message);
        return;
      }
      case 'stop':
        return this.#finish(stream, 'stop');
      case 'start':
      case 'resume':
        return this.#error('already_started', 'The stream has started; "configure" changes its settings.');
    }
  }

  #finish(stream: LiveStream, reason: 'stop' | 'drain'): void {
    this.#state = { name: 'stopping', stream };
    void this.#sayGoodbye(stream, reason);
  }

  async #sayGoodbye(stream: LiveStream, reason: 'stop' | 'drain'): Promise<void> {
    try {
      await stream.finish(reason);
    } catch (error) {
      return this.#fatal('internal', 'The server failed on this stream.', error);
    }
    if (this.#isEnded()) return;
    this.#send({ type: 'stopped', reason, ...stream.totals });
    stream.close();
    this.#end(FAREWELL[reason]);
  }

  #fatal(code: ErrorCode, message: string, cause?: unknown): void {
    if (this.#isEnded()) return;
    if (cause !== undefined) this.#log.error({ session: this.id, err: cause }, message);
    if ('stream' in this.#state) this.#state.stream.close();
    this.#send({
      type: 'error',
      code,
      message,
      retryable: ERRORS[code].retryable,
      fatal: true,
      ...(code === 'overloaded' && { retryAfterMs: RETRY_AFTER_MS }),
    });
    this.#end(CLOSE_OF[code] ?? CLOSE.protocolError);
  }

  #error(code: ErrorCode, message: string): void {
    this.#send({ type: 'error', code, message, retryable: ERRORS[code].retryable, fatal: false });
  }

  #send(message: ServerMessage): void {
    if (!this.#isEnded()) this.#sink.send(message);
  }

  #end(reason: CloseReason): void {
    this.#leave();
    this.#sink.end(reason);
  }

  #leave(): void {
    this.#received = this.receivedSamples;
    this.#state = { name: 'ended' };
    for (const resolve of this.#onEnded.splice(0)) resolve();
  }

  #isEnded(): boolean {
    return this.#state.name === 'ended';
  }
}
