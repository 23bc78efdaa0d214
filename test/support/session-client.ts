// Drives a real session: sends messages, collects what comes back.
import type { ClientMessage, CloseReason, ServerMessage, StartMessage } from '@sotto/protocol';
import type { SessionDependencies } from '../../server/src/session/session.js';
import { Session } from '../../server/src/session/session.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { LoudnessVad } from './loudness-vad.js';
import { ScriptedRecognizer } from './scripted-recognizer.js';
import { s16le } from './wav-file.js';

export const START: StartMessage = {
  type: 'start',
  audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
};

/** `seconds` of speech for the LoudnessVad. */
export function speech(seconds: number): Float32Array {
  return new Float32Array(Math.round(seconds * 16_000)).fill(0.9);
}

/** `seconds` of silence. */
export function silence(seconds: number): Float32Array {
  return new Float32Array(Math.round(seconds * 16_000));
}

export class SessionClient {
  readonly answers: ServerMessage[] = [];
  closedWith: CloseReason | undefined;
  /** Messages that came after the end: must stay empty. */
  readonly late: ServerMessage[] = [];
  readonly session: Session;
  offset = 0;
  #waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = [];

  constructor(dependencies: Partial<SessionDependencies> = {}) {
    const sink = {
      send: (message: ServerMessage) => {
        (this.closedWith === undefined ? this.answers : this.late).push(message);
        this.#check();
      },
      end: (reason: CloseReason) => {
        this.closedWith = reason;
        this.#check();
      },
    };
    this.session = new Session(sink, {
      vad: dependencies.vad ?? new LoudnessVad(),
      recognizer: dependencies.recognizer ?? new ScriptedRecognizer(),
      settings: dependencies.settings ?? SESSION_DEFAULTS,
      polishing: dependencies.polishing,
      ...(dependencies.log === undefined ? {} : { log: dependencies.log }),
    });
  }

  send(...messages: ClientMessage[]): this {
    for (const message of messages) this.session.receive(message);
    return this;
  }

  /** Sends samples (16-bit mono at 16 kHz) in chunks of 40 ms behind those sent before. */
  audio(samples: Float32Array, chunk = 640): this {
    for (let at = 0; at < samples.length; at += chunk) {
      const data = s16le(samples.subarray(at, at + chunk));
      this.session.receive({ type: 'audio', offset: this.offset, data });
      this.offset += data.length / 2;
    }
    return this;
  }

  /** The answers of one type. */
  of<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.answers.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  }

  /** Answers without acks, as words such as `final 0`. */
  get story(): string[] {
    return this.answers
      .filter(({ type }) => type !== 'ack' && type !== 'partial')
      .map((message) => ('segmentId' in message ? `${message.type} ${message.segmentId}` : message.type));
  }

  /** Resolves when a condition holds; it is looked at after every answer. */
  async until(condition: () => boolean): Promise<void> {
    if (!condition()) await new Promise<void>((resolve) => this.#waiting.push({ until: condition, resolve }));
  }

  /** Resolves when `count` answers of a type have come. */
  async some(type: ServerMessage['type'], count = 1): Promise<void> {
    await this.until(() => this.of(type).length >= count);
  }

  /**
   * Sends a mark and waits for it, and for a turn of the event loop: all audio before it is processed, partials are
   * answered.
   */
  async settled(id = `settled ${this.answers.length}`): Promise<void> {
    this.send({ type: 'mark', id });
    await this.until(() => this.of('mark').some((mark) => mark.id === id));
    await new Promise(setImmediate);
  }

  /** Resolves when the session has ended. */
  async ended(): Promise<CloseReason | undefined> {
    await this.until(() => this.closedWith !== undefined);
    return this.closedWith;
  }

  /** Ends the session properly. */
  async stop(): Promise<CloseReason | undefined> {
    this.send({ type: 'stop' });
    return this.ended();
  }

  #check(): void {
    for (const waiting of this.#waiting.filter(({ until }) => until())) {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      waiting.resolve();
    }
  }
}
