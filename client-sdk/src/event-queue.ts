// Events for one reader that comes for them in its own time: a bounded queue behind an async iterator.
import { EventsUnreadError } from './errors.js';
import type { SessionEvent } from './session-event.js';

/** Events that one iterator holds for its reader; beyond it the iterator fails with {@link EventsUnreadError}. */
export const QUEUED_EVENTS_MAX = 10_000;

/**
 * An unread `ack`, or `partial` of the same utterance, is replaced by a newer one: a slow reader sees the latest, and
 * every final. Ends when the session has ended; throws where it ended badly, after all events were read.
 */
export class EventQueue implements AsyncIterableIterator<SessionEvent> {
  readonly #events: SessionEvent[] = [];
  #ended: { readonly error?: Error } | undefined;
  #waiting: (() => void)[] = [];
  readonly #onReturn: (queue: EventQueue) => void;

  /** `onReturn` is called once, when the reader leaves. */
  constructor(onReturn: (queue: EventQueue) => void) {
    this.#onReturn = onReturn;
  }

  push(event: SessionEvent): void {
    if (this.#ended !== undefined) return;
    const stale = this.#events.findLastIndex((queued) => supersedes(event, queued));
    if (stale !== -1) this.#events.splice(stale, 1);
    this.#events.push(event);
    if (this.#events.length > QUEUED_EVENTS_MAX) this.end(new EventsUnreadError(this.#events.length));
    this.#wake();
  }

  end(error?: Error): void {
    this.#ended ??= error === undefined ? {} : { error };
    this.#wake();
  }

  async next(): Promise<IteratorResult<SessionEvent, undefined>> {
    for (;;) {
      const value = this.#events.shift();
      if (value !== undefined) return { done: false, value };
      if (this.#ended !== undefined) {
        const { error } = this.#ended;
        this.#ended = {};
        if (error !== undefined) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async return(): Promise<IteratorResult<SessionEvent, undefined>> {
    this.#events.length = 0;
    this.#ended = {};
    this.#wake();
    this.#onReturn(this);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function supersedes(event: SessionEvent, queued: SessionEvent): boolean {
  if (event.type === 'ack') return queued.type === 'ack';
  return event.type === 'partial' && queued.type === 'partial' && event.segmentId === queued.segmentId;
}
