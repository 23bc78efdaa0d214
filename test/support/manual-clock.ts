// A clock that stands still until a test moves it.
import type { Clock } from '../../server/src/time/clock.js';

export class ManualClock implements Clock {
  readonly #timers = new Set<{ dueAt: number; readonly intervalMs: number; readonly callback: () => void }>();
  #now = 1_000;

  readonly now = (): number => this.#now;

  every(intervalMs: number, callback: () => void): () => void {
    const timer = { dueAt: this.#now + intervalMs, intervalMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  after(delayMs: number, callback: () => void): () => void {
    const cancel = this.every(delayMs, () => {
      cancel();
      callback();
    });
    return cancel;
  }

  /** Moves the time and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.dueAt - b.dueAt)[0];
      if (next === undefined || next.dueAt > end) break;
      this.#now = next.dueAt;
      next.dueAt += next.intervalMs;
      next.callback();
    }
    this.#now = end;
  }
}
