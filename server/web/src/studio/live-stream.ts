// One session of the Studio on the server: what it says, put into the words and figures that the page shows.
import { batch, signal } from '@preact/signals';
import { connect, TranscriptView, type FinalMessage, type SottoError, type StreamSession } from '@sotto/client';
import { CAPTURE_SAMPLE_RATE } from '@sotto/client/microphone';
import { noteLost, noteReady, roundTripMs, STREAM_URL } from './server-watch.js';

/** A settled stretch of speech; its times count from the start of the transcript. */
export type Segment = Pick<FinalMessage, 'text' | 'startMs' | 'endMs' | 'language' | 'words'>;

export interface LiveStreamOptions {
  /** A code, or "auto". */
  readonly language: string;
  /** Where in the transcript this stream begins, milliseconds. */
  readonly baseMs: number;
  readonly onSegment: (segment: Segment) => void;
  /** An error that did not end the session. */
  readonly onTrouble: (error: { readonly code: string; readonly message: string }) => void;
  /** The session has ended; without an error as it should. */
  readonly onEnd: (error: SottoError | undefined) => void;
}

const PING_INTERVAL_MS = 3_000;
/** A short break goes unnoticed but for its pause; whoever talks must hear within about four seconds that nobody listens. */
const RECONNECTS_MAX = 4;

export class LiveStream {
  /** Text behind the segments that will not change before it settles, and text that may. */
  readonly stable = signal('');
  readonly tentative = signal('');
  /** How far the text is behind the sound, milliseconds. */
  readonly latencyMs = signal<number | undefined>(undefined);
  /** Sound at the server that is not yet processed, milliseconds. */
  readonly lagMs = signal<number | undefined>(undefined);

  readonly session: StreamSession;
  readonly #options: LiveStreamOptions;
  readonly #view = new TranscriptView({ finalsMax: 1 });

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.session = connect(STREAM_URL, {
      language: options.language,
      words: true,
      reconnect: { attemptsMax: RECONNECTS_MAX },
    });
    this.#listen();
    void this.#end();
  }

  /** Sound sent so far, milliseconds. */
  get sentMs(): number {
    return (this.session.sentSamples / CAPTURE_SAMPLE_RATE) * 1_000;
  }

  #listen(): void {
    const { session } = this;
    session.on('ready', noteReady);
    session.on('ack', ({ lagMs }) => (this.lagMs.value = lagMs));
    session.on('partial', (partial) => {
      batch(() => {
        this.#view.apply(partial);
        this.#show();
        this.latencyMs.value = this.sentMs - partial.endMs;
      });
    });
    session.on('final', (final) => {
      batch(() => {
        this.#view.apply(final);
        this.#show();
        if (final.text.trim() !== '') this.#options.onSegment(placed(final, this.#options.baseMs));
      });
    });
    session.on('error', (error) => {
      this.#view.apply(error);
      this.#show();
      if (!error.fatal) this.#options.onTrouble(error);
    });
  }

  #show(): void {
    this.stable.value = this.#view.stable;
    this.tentative.value = this.#view.tentative;
  }

  async #end(): Promise<void> {
    const pings = setInterval(() => void this.#ping(), PING_INTERVAL_MS);
    const { error } = await this.session.closed;
    clearInterval(pings);
    if (error !== undefined) noteLost();
    this.#options.onEnd(error);
  }

  async #ping(): Promise<void> {
    try {
      roundTripMs.value = await this.session.ping();
    } catch {
      // The session has ended, which is told elsewhere.
    }
  }
}

function placed({ text, startMs, endMs, language, words }: FinalMessage, baseMs: number): Segment {
  return {
    text,
    startMs: startMs + baseMs,
    endMs: endMs + baseMs,
    language,
    ...(words === undefined
      ? {}
      : {
          words: words.map((word) => ({ ...word, startMs: word.startMs + baseMs, endMs: word.endMs + baseMs })),
        }),
  };
}
