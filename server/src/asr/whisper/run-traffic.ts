// Who goes first among the runs that share a device: the most urgent, the others between their passes.
import { setTimeout as delay } from 'node:timers/promises';
import { isMoreUrgent, type Urgency } from '../engine.js';

/** How long a run may stand still for others in all, milliseconds: far less than an engine may take to answer. */
const GIVE_WAY_MS_MAX = 5_000;

/** Called by a run before each of its passes. */
export type BeforePass = () => Promise<void>;

export class RunTraffic {
  readonly #underWay = new Map<Promise<unknown>, Urgency>();

  /**
   * Runs something that stands still before its next pass while anything more urgent is under way, up to
   * {@link GIVE_WAY_MS_MAX}.
   */
  async run<T>(urgency: Urgency, run: (before: BeforePass) => Promise<T>): Promise<T> {
    let leftMs = GIVE_WAY_MS_MAX;
    const done = run(async () => {
      for (let others = this.#before(urgency); others.length > 0 && leftMs > 0; others = this.#before(urgency)) {
        const from = performance.now();
        await Promise.race([Promise.allSettled(others), delay(leftMs, undefined, { ref: false })]);
        leftMs -= performance.now() - from;
      }
    });
    this.#underWay.set(done, urgency);
    try {
      return await done;
    } finally {
      this.#underWay.delete(done);
    }
  }

  #before(urgency: Urgency): Promise<unknown>[] {
    return [...this.#underWay].filter(([, other]) => isMoreUrgent(other, urgency)).map(([run]) => run);
  }
}
