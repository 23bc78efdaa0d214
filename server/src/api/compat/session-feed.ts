// A session that is fed with consecutive audio: the way from another wire format to Sotto's own messages.
import {
  bytesPerFrame,
  type AudioFormat,
  type CloseReason,
  type RecognitionSettings,
  type ServerMessage,
  type StartMessage,
} from '@sotto/protocol';
import type { SessionFactory, SessionPort } from '../../session/session-port.js';

export interface SessionFeedOptions {
  readonly createSession: SessionFactory;
  readonly start: Omit<StartMessage, 'type'>;
  readonly onMessage: (message: ServerMessage) => void;
  /** The session is over. */
  readonly onEnd: (reason: CloseReason) => void;
}

export class SessionFeed {
  readonly #session: SessionPort;
  readonly #audio: AudioFormat;
  readonly #frameBytes: number;
  /** Whole frames (one sample of every channel) sent so far. */
  #frames = 0;
  /** The bytes of a frame that the last chunk began. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor({ createSession, start, onMessage, onEnd }: SessionFeedOptions) {
    this.#audio = start.audio;
    this.#frameBytes = bytesPerFrame(start.audio);
    this.#session = createSession({ send: onMessage, end: onEnd });
    this.#session.receive({ type: 'start', ...start });
  }

  /** Audio received, milliseconds. */
  get receivedMs(): number {
    return (this.#frames * 1_000) / this.#audio.sampleRate;
  }

  get backlogMs(): number {
    return this.#session.backlogMs;
  }

  onceDrained(callback: () => void): void {
    this.#session.onceDrained(callback);
  }

  /** Takes a chunk of any size; it need not end with a whole sample. */
  audio(chunk: Uint8Array): void {
    const bytes = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames = Math.floor(bytes.byteLength / this.#frameBytes);
    const whole = frames * this.#frameBytes;
    this.#rest = bytes.slice(whole);
    if (frames === 0) return;
    const offset = this.#frames;
    this.#frames += frames;
    this.#session.receive({ type: 'audio', offset, data: bytes.subarray(0, whole) });
  }

  /** Ends the utterance in progress, then echoes `id` in a `mark` when all its finals are sent. */
  finalize(id: string): void {
    this.#session.receive({ type: 'finalize', id });
    this.#session.receive({ type: 'mark', id });
  }

  configure(settings: RecognitionSettings): void {
    this.#session.receive({ type: 'configure', ...settings });
  }

  stop(): void {
    this.#session.receive({ type: 'stop' });
  }

  drain(): Promise<void> {
    return this.#session.drain();
  }

  abandon(): void {
    this.#session.abandon();
  }
}
