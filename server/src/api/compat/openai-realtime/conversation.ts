// One client of the OpenAI Realtime API: its events become a session's messages, the session's answers its events.
import type { CloseReason, ErrorMessage, ServerMessage } from '@sotto/protocol';
import type { Conversation, DialectClose, DialectFault, DialectPeer } from '../../../gateway/dialect.js';
import type { SessionFactory } from '../../../session/session-port.js';
import { SessionFeed } from '../session-feed.js';
import { readClientEvent, type ClientEvent } from './client-events.js';
import { errorEvent, event, invalidRequest, newId, overQuota, type RealtimeError } from './events.js';
import {
  audioFormatOf,
  recognitionOf,
  updateConfig,
  wantsLogprobs,
  type ConfigDefaults,
  type SessionConfig,
} from './session-config.js';
import { fromBeta, sessionView } from './session-views.js';
import { COMMIT_MS_MIN, Turns } from './turns.js';

export interface RealtimeOptions {
  readonly peer: DialectPeer;
  readonly createSession: SessionFactory;
  readonly defaults: ConfigDefaults;
  /** The settings that the session begins with. */
  readonly config: SessionConfig;
  readonly isBeta: boolean;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /**
   * Audio after which a turn is committed where the client forgets to, milliseconds: its words are kept until then.
   * Default: {@link UNCOMMITTED_MS_MAX}.
   */
  readonly uncommittedMsMax?: number;
}

export const UNCOMMITTED_MS_MAX = 1_800_000;

/** How a bound that was passed is told: with an error event, and a standard close. */
const FAULTS: Readonly<Record<DialectFault, Omit<RealtimeError, 'message' | 'param'> & { readonly close: number }>> = {
  too_many_messages: { type: 'rate_limit_error', code: 'rate_limit_exceeded', close: 1008 },
  message_too_large: { type: 'invalid_request_error', code: 'message_too_large', close: 1009 },
  audio_too_fast: { type: 'rate_limit_error', code: 'rate_limit_exceeded', close: 1008 },
  idle: { type: 'invalid_request_error', code: 'session_expired', close: 1000 },
  internal: { type: 'server_error', code: 'server_error', close: 1011 },
};

export class RealtimeConversation implements Conversation {
  readonly #options: RealtimeOptions;
  readonly #id = newId('sess');
  readonly #turns: Turns;
  #config: SessionConfig;
  #isBeta: boolean;
  /** From the first audio on: until then its format may change. */
  #feed: SessionFeed | undefined;

  constructor(options: RealtimeOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#isBeta = options.isBeta;
    this.#turns = new Turns({
      send: (told) => options.peer.send(told),
      isBeta: () => this.#isBeta,
      wantsLogprobs: () => wantsLogprobs(this.#config),
    });
    this.#tellSession('created');
  }

  get backlogMs(): number {
    return this.#feed?.backlogMs ?? 0;
  }

  onceDrained(callback: () => void): void {
    if (this.#feed === undefined) queueMicrotask(callback);
    else this.#feed.onceDrained(callback);
  }

  receive(frame: string | Uint8Array): void {
    const received = readClientEvent(frame);
    const error = this.#handle(received);
    if (error !== undefined) this.#options.peer.send(errorEvent(error, received.eventId));
  }

  check(): void {}

  fail(fault: DialectFault, message: string): DialectClose {
    const { type, code, close } = FAULTS[fault];
    this.#options.peer.send(errorEvent({ type, code, message, param: null }));
    return { code: close, reason: `${type}.${code}` };
  }

  async drain(): Promise<void> {
    if (this.#feed === undefined) this.#options.peer.end({ code: 1001, reason: 'The server is shutting down.' });
    else await this.#feed.drain();
  }

  abandon(): void {
    this.#feed?.abandon();
  }

  /** Returns what is wrong. */
  #handle(received: ClientEvent): RealtimeError | undefined {
    switch (received.type) {
      case 'refused':
        return received.error;
      case 'update':
        return this.#update(received.session, received.isBeta);
      case 'append':
        return this.#append(received.audio);
      case 'commit':
        return this.#commit();
      case 'clear':
        if (this.#turns.clear(this.#feed?.receivedMs ?? 0)) this.#feed?.finalize('clear');
        return undefined;
    }
  }

  #append(audio: Uint8Array): RealtimeError | undefined {
    const { uncommittedMsMax = UNCOMMITTED_MS_MAX } = this.#options;
    this.#feed ??= this.#startFeed();
    this.#feed.audio(audio);
    const isFull = this.#isManual && this.#turns.uncommittedMs(this.#feed.receivedMs) >= uncommittedMsMax;
    return isFull ? this.#commit() : undefined;
  }

  #update(session: unknown, isBeta: boolean): RealtimeError | undefined {
    // Whoever uses the beta's words wants to hear them.
    this.#isBeta ||= isBeta;
    const before: SessionConfig = isBeta ? { ...this.#config, type: 'transcription' } : this.#config;
    const result = updateConfig(before, this.#isBeta ? fromBeta(session) : session, this.#options.defaults);
    if ('error' in result) return result.error;
    const { config } = result;
    if (this.#feed !== undefined && JSON.stringify(config.format) !== JSON.stringify(this.#config.format)) {
      const message = 'The audio format cannot change once audio has been sent.';
      return invalidRequest('invalid_value', message, 'session.audio.input.format');
    }
    this.#config = config;
    this.#feed?.configure(recognitionOf(config, this.#options.defaults.endpointing));
    this.#tellSession('updated');
    return undefined;
  }

  #commit(): RealtimeError | undefined {
    const id = this.#turns.commit(this.#feed?.receivedMs ?? 0, this.#isManual);
    if (id === undefined) {
      const message = `The buffer holds less than ${COMMIT_MS_MIN} ms of audio that was not committed yet.`;
      return invalidRequest('input_audio_buffer_commit_empty', message);
    }
    this.#feed?.finalize(id);
    return undefined;
  }

  #startFeed(): SessionFeed {
    return new SessionFeed({
      createSession: this.#options.createSession,
      start: { audio: audioFormatOf(this.#config), ...recognitionOf(this.#config, this.#options.defaults.endpointing) },
      onMessage: (message) => this.#hear(message),
      onEnd: (reason) => {
        this.#turns.end();
        this.#options.peer.end(closeOf(reason));
      },
    });
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'error' && message.segmentId === undefined) {
      this.#options.peer.send(errorEvent(errorOf(message)));
    }
    this.#turns.take(message, this.#isManual);
  }

  get #isManual(): boolean {
    return this.#config.turnDetection === null;
  }

  #tellSession(what: 'created' | 'updated'): void {
    const now = Math.floor(this.#options.wallNow() / 1_000);
    const isTranscription = this.#isBeta && this.#config.type === 'transcription';
    const name = isTranscription ? `transcription_session.${what}` : `session.${what}`;
    const session = sessionView({ id: this.#id, isBeta: this.#isBeta, config: this.#config, now });
    this.#options.peer.send(event(name, { session }));
  }
}

function errorOf({ code, message, retryable }: ErrorMessage): RealtimeError {
  if (code === 'quota_exceeded') return overQuota(message);
  return { type: retryable ? 'server_error' : 'invalid_request_error', code, message, param: null };
}

/** Sotto's own close codes mean nothing to these clients. */
function closeOf({ code, reason }: CloseReason): DialectClose {
  return { code: code < 4_000 ? code : 1008, reason };
}
