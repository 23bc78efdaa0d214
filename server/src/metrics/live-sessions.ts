// The sessions that there are now, as an operator sees them: by the messages that they send.
import type { ServerMessage } from '@sotto/protocol';

/** Lags that are kept of a session: one a second, about a minute. */
const LAGS_MAX = 60;
const LAG_INTERVAL_MS = 1_000;
/** Of the last words. */
const WORDS_MAX = 120;

/** A session as it is told. */
export interface LiveSessionView {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** As its last final said, or what was asked for; empty: not known yet. */
  readonly language: string;
  readonly lagMs: number;
  /** One a second, the newest last. */
  readonly lags: readonly number[];
  readonly finals: number;
  /** What was said last; absent unless the operator allowed it. */
  readonly words?: string;
  readonly keyId?: string;
}

export class LiveSession {
  readonly id: string;
  readonly #startedAt: number;
  readonly #keyId: string | undefined;
  readonly #end: () => void;
  readonly #lags: number[] = [];
  #language = '';
  #lagMs = 0;
  #lagAt = -Infinity;
  #finals = 0;
  #words = '';

  constructor(id: string, startedAt: number, keyId: string | undefined, end: () => void) {
    this.id = id;
    this.#startedAt = startedAt;
    this.#keyId = keyId;
    this.#end = end;
  }

  /** Takes note of a message that the session sends now (milliseconds of any steady clock). */
  observe(message: ServerMessage, now: number): void {
    switch (message.type) {
      case 'ack':
        this.#lagMs = message.lagMs;
        if (now - this.#lagAt < LAG_INTERVAL_MS) break;
        this.#lagAt = now;
        this.#lags.push(Math.round(message.lagMs));
        if (this.#lags.length > LAGS_MAX) this.#lags.shift();
        break;
      case 'partial':
        this.#words = message.stable + message.tentative;
        break;
      case 'final':
        this.#finals++;
        this.#words = message.text;
        this.#language = message.language;
        break;
      default:
        break;
    }
  }

  /** As if its client had said that it is done: the open segment gets its final, then it ends for good. */
  end(): void {
    this.#end();
  }

  view(withWords: boolean): LiveSessionView {
    return {
      id: this.id,
      startedAt: this.#startedAt,
      language: this.#language,
      lagMs: Math.round(this.#lagMs),
      lags: [...this.#lags],
      finals: this.#finals,
      ...(withWords ? { words: this.#words.slice(-WORDS_MAX) } : {}),
      ...(this.#keyId === undefined ? {} : { keyId: this.#keyId }),
    };
  }
}

/** As many as there are sessions. */
export class LiveSessions {
  readonly #sessions = new Map<string, LiveSession>();

  add(session: LiveSession): void {
    this.#sessions.set(session.id, session);
  }

  remove(id: string): void {
    this.#sessions.delete(id);
  }

  get(id: string): LiveSession | undefined {
    return this.#sessions.get(id);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The oldest first, as many as are asked for. */
  *first(count: number): Generator<LiveSession> {
    for (const session of this.#sessions.values()) {
      if (count-- <= 0) return;
      yield session;
    }
  }
}
