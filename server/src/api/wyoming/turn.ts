// One recording of a Wyoming client, from its first audio to the transcript: a live session like any other.
import { LIMITS, type ServerMessage } from '@sotto/protocol';
import type { SessionPort, SessionSink } from '../../session/session-port.js';
import { hotwordsOf, joinUtterances } from '../compat/language.js';
import { SessionFeed } from '../compat/session-feed.js';
import type { Pcm, Transcribe } from './schemas.js';
import type { Send } from './wire.js';

export interface TurnOptions {
  readonly createSession: (sink: SessionSink) => SessionPort;
  readonly pcm: Pcm;
  readonly asked: Transcribe;
  readonly send: Send;
}

export class Turn {
  readonly #options: TurnOptions;
  readonly #feed: SessionFeed;
  /** All finals so far. */
  #text = '';
  #language: string | undefined;
  #isStarted = false;
  #hasFailed = false;
  #isOver = false;
  #resolveOver = (): void => undefined;
  /** Resolves when all is said, or it was abandoned. */
  readonly over = new Promise<void>((resolve) => (this.#resolveOver = resolve));

  constructor(options: TurnOptions) {
    this.#options = options;
    const { createSession, pcm, asked } = options;
    const terms = [...(asked.transcript_names ?? []), ...(asked.transcript_terms ?? [])];
    this.#feed = new SessionFeed({
      createSession,
      start: {
        audio: { encoding: 'pcm_s16le', sampleRate: pcm.rate, channels: pcm.channels },
        ...(typeof asked.language === 'string' && asked.language !== '' && { language: asked.language }),
        hotwords: hotwordsOf(terms, LIMITS),
      },
      onMessage: (message) => this.#hear(message),
      onEnd: () => this.#end(),
    });
  }

  audio(payload: Uint8Array): void {
    if (!this.#isOver) this.#feed.audio(payload);
  }

  /** No more audio: the transcript follows. */
  stop(): void {
    if (!this.#isOver) this.#feed.stop();
  }

  get backlogMs(): number {
    return this.#isOver ? 0 : this.#feed.backlogMs;
  }

  onceDrained(callback: () => void): void {
    this.#feed.onceDrained(callback);
  }

  drain(): Promise<void> {
    return this.#feed.drain();
  }

  /** The client is gone, or begins anew: nothing more is said. May be called twice. */
  abandon(): void {
    if (this.#isOver) return;
    this.#over();
    this.#feed.abandon();
  }

  #hear(message: ServerMessage): void {
    if (this.#isOver) return;
    if (message.type === 'final' && message.text.trim() !== '') this.#tell(message.text, message.language);
    if (message.type !== 'error') return;
    // An utterance that could not be recognised is one error; the rest goes on.
    this.#options.send('error', { text: message.message, code: message.code });
    this.#hasFailed ||= message.fatal;
  }

  #tell(text: string, language: string): void {
    this.#language ??= language;
    this.#start();
    const told = this.#text;
    this.#text = joinUtterances(told === '' ? [text] : [told, text], language);
    this.#options.send('transcript-chunk', { text: this.#text.slice(told.length) });
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#options.send('transcript-start', this.#spoken());
  }

  #end(): void {
    if (this.#isOver) return;
    const { send } = this.#options;
    if (!this.#hasFailed) {
      this.#start();
      send('transcript', { text: this.#text, ...this.#spoken() });
      send('transcript-stop');
    }
    this.#over();
  }

  #spoken(): Readonly<Record<string, unknown>> {
    return this.#language === undefined ? {} : { language: this.#language };
  }

  #over(): void {
    this.#isOver = true;
    this.#resolveOver();
  }
}
