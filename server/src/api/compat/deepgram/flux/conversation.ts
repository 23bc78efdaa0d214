// One client of Deepgram's Flux: audio in, turns out, from one session.
import { CLOSE, type AudioFormat, type CloseReason, type ServerMessage } from '@sotto/protocol';
import { AudioFileError } from '../../../../audio/audio-errors.js';
import { isContained } from '../../../../audio/raw-audio.js';
import { SAMPLE_RATE } from '../../../../audio/samples.js';
import type { Conversation, DialectClose, DialectFault, DialectPeer } from '../../../../gateway/dialect.js';
import type { SessionFactory } from '../../../../session/session-port.js';
import { SessionFeed } from '../../session-feed.js';
import { ListenQueryError } from '../listen-options.js';
import { LiveContainer, type LiveContainerOptions } from '../live-container.js';
import { readFluxMessage } from './client-messages.js';
import { changed, fluxRecognition, type FluxOptions } from './flux-options.js';
import { Turns } from './turns.js';

const DONE: DialectClose = { code: 1000, reason: '' };
/** What comes out of a container. */
const DECODED: AudioFormat = { encoding: 'pcm_f32le', sampleRate: SAMPLE_RATE, channels: 1 };
const FAULTS: Readonly<Record<DialectFault, { readonly error: string; readonly close: number }>> = {
  too_many_messages: { error: 'TOO_MANY_REQUESTS', close: 1008 },
  message_too_large: { error: 'PAYLOAD_TOO_LARGE', close: 1009 },
  audio_too_fast: { error: 'TOO_MANY_REQUESTS', close: 1008 },
  idle: { error: 'NET-0001', close: 1011 },
  internal: { error: 'INTERNAL_SERVER_ERROR', close: 1011 },
};

export interface FluxConversationOptions {
  readonly peer: DialectPeer;
  readonly createSession: SessionFactory;
  readonly flux: FluxOptions;
  /** Those of the model. */
  readonly languages: readonly string[];
  readonly requestId: string;
  /** For audio that comes in a container. */
  readonly decode: LiveContainerOptions['decode'];
  /** Whether the client refuses fields that Flux did not have at first. */
  readonly isStrict: boolean;
}

export class FluxConversation implements Conversation {
  readonly #options: FluxConversationOptions;
  readonly #turns: Turns;
  #flux: FluxOptions;
  /** From the first audio on. */
  #feed: SessionFeed | undefined;
  #container: LiveContainer | undefined;
  #isClosing = false;
  #sequence = 0;
  #forced = 0;

  constructor(options: FluxConversationOptions) {
    this.#options = options;
    this.#flux = options.flux;
    this.#turns = new Turns({
      thresholds: () => this.#flux.thresholds,
      languages: () => ({ isTold: this.#flux.isMulti, hints: this.#flux.languageHints }),
      isStrict: options.isStrict,
      send: ({ type, ...fields }, subject) => this.#send(type, fields, subject),
    });
    this.#send('Connected');
  }

  get backlogMs(): number {
    return this.#container?.isBehind === true ? Infinity : (this.#feed?.backlogMs ?? 0);
  }

  onceDrained(callback: () => void): void {
    if (this.#container?.isBehind === true) return this.#container.onceCaughtUp(() => this.onceDrained(callback));
    if (this.#feed === undefined) queueMicrotask(callback);
    else this.#feed.onceDrained(callback);
  }

  receive(frame: string | Uint8Array): void {
    if (this.#isClosing) return;
    if (typeof frame === 'string') this.#control(frame);
    else if (frame.byteLength > 0) this.#audio(frame);
  }

  check(): void {}

  fail(fault: DialectFault, message: string): DialectClose {
    const { error, close } = FAULTS[fault];
    this.#error(error, message);
    return { code: close, reason: error };
  }

  async drain(): Promise<void> {
    this.#isClosing = true;
    if (this.#feed === undefined) this.#ended(CLOSE.goingAway);
    else await this.#feed.drain();
  }

  abandon(): void {
    this.#container?.close();
    this.#feed?.abandon();
  }

  #control(text: string): void {
    const message = readFluxMessage(text);
    switch (message?.type) {
      case undefined:
        this.#error('UNPARSABLE_CLIENT_MESSAGE', 'A text message is Configure, ForceEndTurn or CloseStream, as JSON.');
        return this.#options.peer.end({ code: 1008, reason: 'UNPARSABLE_CLIENT_MESSAGE' });
      case 'Configure':
        return this.#configure(message.fields);
      case 'ForceEndTurn':
        return this.#forceEnd();
      case 'CloseStream':
        return this.#stop();
      case 'KeepAlive':
        return;
    }
  }

  #configure(fields: unknown): void {
    const { languages } = this.#options;
    try {
      this.#flux = changed(this.#flux, fields, languages);
    } catch (error) {
      if (!(error instanceof ListenQueryError)) throw error;
      return this.#send('ConfigureFailure', { code: error.code, description: error.message });
    }
    this.#feed?.configure(fluxRecognition(this.#flux, languages));
    const { thresholds, keyterms, isMulti, languageHints } = this.#flux;
    this.#send('ConfigureSuccess', {
      thresholds: {
        ...(thresholds.eager === undefined ? {} : { eager_eot_threshold: thresholds.eager }),
        eot_threshold: thresholds.eot,
        eot_timeout_ms: thresholds.timeoutMs,
      },
      keyterms,
      ...(isMulti ? { language_hints: languageHints } : {}),
    });
  }

  /** What is being said ends with its final; a turn that only waits for its silence, with the echo of the mark. */
  #forceEnd(): void {
    this.#feed?.finalize(`force-${this.#forced++}`);
  }

  #audio(chunk: Uint8Array): void {
    if (this.#feed === undefined && (this.#flux.audio === undefined || isContained(chunk))) {
      this.#container = this.#openContainer();
    }
    if (this.#container !== undefined) return this.#container.push(chunk);
    this.#feed ??= this.#openFeed(this.#flux.audio ?? DECODED);
    this.#feed.audio(chunk);
  }

  #openFeed(audio: AudioFormat): SessionFeed {
    const feed: SessionFeed = new SessionFeed({
      createSession: this.#options.createSession,
      start: { audio, ...fluxRecognition(this.#flux, this.#options.languages) },
      // The session speaks while it is being made.
      onMessage: (message) => this.#hear(message, () => feed.receivedMs),
      onEnd: (reason) => this.#ended(reason),
    });
    return feed;
  }

  #openContainer(): LiveContainer {
    const feed = this.#openFeed(DECODED);
    this.#feed = feed;
    return new LiveContainer({
      opusChannels: this.#flux.opusChannels,
      decode: this.#options.decode,
      onSamples: ({ buffer, byteOffset, byteLength }) => feed.audio(new Uint8Array(buffer, byteOffset, byteLength)),
      onceReady: (callback) => feed.onceDrained(callback),
      onEnd: () => feed.stop(),
      onError: (error) => this.#undecodable(error),
    });
  }

  #undecodable(error: unknown): void {
    if (!(error instanceof AudioFileError)) return this.#options.peer.crash(error);
    this.#error('BAD_AUDIO', `${error.message} Raw audio needs encoding and sample_rate.`);
    this.#options.peer.end({ code: 1008, reason: 'BAD_AUDIO' });
  }

  #hear(message: ServerMessage, receivedMs: () => number): void {
    if (message.type === 'mark') return this.#turns.end();
    if (message.type === 'error' && message.segmentId === undefined && message.fatal) {
      this.#error(message.code.toUpperCase(), message.message);
    }
    this.#turns.take(message, receivedMs);
  }

  #stop(): void {
    this.#isClosing = true;
    if (this.#feed === undefined) this.#ended(CLOSE.done);
    else if (this.#container === undefined) this.#feed.stop();
    else this.#container.end();
  }

  #ended({ code, reason }: CloseReason): void {
    this.#isClosing = true;
    this.#turns.end();
    this.#options.peer.end(code === DONE.code ? DONE : { code: code < 4_000 ? code : 1008, reason });
  }

  #error(code: string, description: string): void {
    this.#send('Error', { code, description });
  }

  #send(type: string, fields: Readonly<Record<string, unknown>> = {}, subject?: string): void {
    const { peer, requestId } = this.#options;
    peer.send({ type, request_id: requestId, sequence_id: this.#sequence++, ...fields }, subject);
  }
}
