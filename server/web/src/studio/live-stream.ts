// One session of the Studio on the server: what it says, put into the words and figures that the page shows.
import { batch, signal } from '@preact/signals';
import {
  connect,
  TranscriptView,
  type FinalMessage,
  type PolishSettings,
  type SottoError,
  type StreamSession,
} from '@sotto/client';
import { CAPTURE_SAMPLE_RATE } from '@sotto/client/microphone';
import { keyOptions } from '../key.js';
import { noteBack, noteLost, noteReady, noteTrying, roundTripMs, STREAM_URL } from './server-watch.js';
import type { Segment } from './segment.js';
import { addSegment, polishSegment } from './transcript.js';

export interface LiveStreamOptions {
  /** A code, or "auto". */
  readonly language: string;
  readonly polish: PolishSettings | undefined;
  /** Whether others may watch. */
  readonly share: boolean;
  /** Where in the transcript this stream begins, milliseconds. */
  readonly baseMs: number;
  /** An error that did not end the session. */
  readonly onTrouble: (error: { readonly code: string; readonly message: string }) => void;
  /** The session has ended; without an error as it should. */
  readonly onEnd: (error: SottoError | undefined) => void;
}

/** How the connection fares; `lostMs`: sound that could not be kept while it was away, milliseconds. */
export type Connection =
  | { readonly name: 'steady' | 'trying' | 'resumed' }
  | { readonly name: 'restarted'; readonly lostMs: number };

const PING_INTERVAL_MS = 3_000;
/** How long good news is shown, milliseconds. */
const NEWS_MS = 6_000;

let streams = 0;

export class LiveStream {
  /** Text behind the segments that will not change before it settles, and text that may. */
  readonly stable = signal('');
  readonly tentative = signal('');
  /** How far the text is behind the sound, milliseconds. */
  readonly latencyMs = signal<number | undefined>(undefined);
  /** Sound at the server that is not yet processed, milliseconds. */
  readonly lagMs = signal<number | undefined>(undefined);
  readonly connection = signal<Connection>({ name: 'steady' });
  /** What lets others watch; of a shared session. */
  readonly watchToken = signal<string | undefined>(undefined);

  readonly session: StreamSession;
  readonly #options: LiveStreamOptions;
  readonly #view = new TranscriptView({ finalsMax: 1 });
  readonly #keys = `${Date.now().toString(36)}.${++streams}`;
  #news: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    const { language, polish, share } = options;
    this.session = connect(STREAM_URL, {
      language,
      words: true,
      share,
      ...(polish === undefined ? {} : { polish }),
      ...keyOptions(),
    });
    this.#listen();
    void this.#end();
  }

  /** End of the sound sent so far, on the clock of the transcript, milliseconds. */
  get endMs(): number {
    return this.#options.baseMs + (this.session.sentSamples / CAPTURE_SAMPLE_RATE) * 1_000;
  }

  /** What has not settled, as a segment that is settled by its end; undefined where there is nothing. */
  unsettled(startMs: number): Segment | undefined {
    const text = (this.stable.value + this.tentative.value).trim();
    if (text === '') return undefined;
    return { key: `${this.#keys}.end`, text, startMs, endMs: this.endMs, language: '' };
  }

  #listen(): void {
    const { session } = this;
    session.on('ready', (ready) => {
      noteReady(ready);
      this.watchToken.value = ready.watchToken;
    });
    session.on('ack', ({ lagMs }) => (this.lagMs.value = lagMs));
    session.on('partial', (partial) => {
      batch(() => {
        this.#view.apply(partial);
        this.#show();
        this.latencyMs.value = this.endMs - this.#options.baseMs - partial.endMs;
      });
    });
    session.on('final', (final) => {
      batch(() => {
        this.#view.apply(final);
        this.#show();
        if (final.text.trim() !== '') addSegment(this.#placed(final));
      });
    });
    session.on('polished', (polished) => {
      if (polished.segmentId !== undefined) polishSegment(this.#keyOf(polished.segmentId), polished);
    });
    session.on('error', (error) => {
      this.#view.apply(error);
      this.#show();
      if (!error.fatal) this.#options.onTrouble(error);
    });
    session.on('reconnecting', () => {
      noteTrying();
      this.#tell({ name: 'trying' });
    });
    session.on('resumed', () => {
      noteBack();
      this.#tell({ name: 'resumed' });
    });
    session.on('restarted', (restarted) => {
      this.#view.apply(restarted);
      this.#show();
      noteBack();
      this.#tell({ name: 'restarted', lostMs: restarted.lostMs });
      this.watchToken.value = restarted.watchToken;
    });
  }

  #tell(connection: Connection): void {
    clearTimeout(this.#news);
    this.connection.value = connection;
    if (connection.name !== 'trying')
      this.#news = setTimeout(() => (this.connection.value = { name: 'steady' }), NEWS_MS);
  }

  #show(): void {
    this.stable.value = this.#view.stable;
    this.tentative.value = this.#view.tentative;
  }

  async #end(): Promise<void> {
    const pings = setInterval(() => void this.#ping(), PING_INTERVAL_MS);
    const { error } = await this.session.closed;
    clearInterval(pings);
    clearTimeout(this.#news);
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

  #keyOf(segmentId: number): string {
    return `${this.#keys}.${segmentId}`;
  }

  #placed({ segmentId, text, startMs, endMs, language, words }: FinalMessage): Segment {
    const { baseMs } = this.#options;
    return {
      key: this.#keyOf(segmentId),
      text,
      startMs: startMs + baseMs,
      endMs: endMs + baseMs,
      language,
      ...(words === undefined
        ? {}
        : { words: words.map((word) => ({ ...word, startMs: word.startMs + baseMs, endMs: word.endMs + baseMs })) }),
    };
  }
}
