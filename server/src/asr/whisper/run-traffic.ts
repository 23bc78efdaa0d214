// Who goes first among the runs that share a device: those that somebody waits for, the others between their passes.
import { setTimeout as delay } from 'node:timers/promises';

/** How long a run may stand still for others in all, milliseconds: far less than an engine may take to answer. */
const GIVE_WAY_MS_MAX = 5_000;

/** Called by a run before each of its passes. */
export type BeforePass = () => Promise<void>;

export class RunTraffic {
  readonly #urgent = new Set<Promise<unknown>>();

  /** Runs something that gives way to nobody. */
  async urgent<T>(run: (before: BeforePass) => Promise<T>): Promise<T> {
    const done = run(async () => {});
    this.#urgent.add(done);
    try {
      return await done;
    } finally {
      this.#urgent.delete(done);
    }
  }

  /**
   * Runs something that stands still before its next pass while anything urgent is under way, up to
   * {@link GIVE_WAY_MS_MAX}.
   */
  givingWay<T>(run: (before: BeforePass) => Promise<T>): Promise<T> {
    let leftMs = GIVE_WAY_MS_MAX;
    return run(async () => {
      while (this.#urgent.size > 0 && leftMs > 0) {
        const from = performance.now();
        await Promise.race([Promise.allSettled(this.#urgent), delay(leftMs, undefined, { ref: false })]);
        leftMs -= performance.now() - from;
      }
    });
  }
}
