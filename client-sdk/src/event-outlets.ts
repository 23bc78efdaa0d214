// Hands events to whoever listens: functions, and iterators that read in their own time.
import { EventQueue } from './event-queue.js';
import type { SessionEvent } from './session-event.js';

export type EventType = SessionEvent['type'];
export type EventOf<T extends EventType> = Extract<SessionEvent, { type: T }>;
type Listener = (event: SessionEvent) => void;

export class EventOutlets {
  readonly #listeners = new Map<EventType, Set<Listener>>();
  readonly #iterators = new Set<EventQueue>();
  #ended: { readonly error: Error | undefined } | undefined;

  /** Calls `listener` with each event of a type. Returns a function that removes it. */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // Events are told apart by their type before a listener is called.
    listeners.add(listener as Listener);
    return () => listeners.delete(listener as Listener);
  }

  /** Reads all events from now on. */
  iterate(): EventQueue {
    const queue = new EventQueue((it) => this.#iterators.delete(it));
    this.#iterators.add(queue);
    if (this.#ended !== undefined) queue.end(this.#ended.error);
    return queue;
  }

  tell(event: SessionEvent): void {
    for (const queue of this.#iterators) queue.push(event);
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        listener(event);
      } catch (error) {
        // A listener's mistake is its program's, not the session's: it surfaces as uncaught and the others still hear
        // the event.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  end(error: Error | undefined): void {
    this.#ended = { error };
    for (const queue of this.#iterators) queue.end(error);
  }
}
