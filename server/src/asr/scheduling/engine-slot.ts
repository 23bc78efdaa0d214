// An engine and what the scheduler knows of it: what is under way there, and what may begin.
import { isMoreUrgent, mostUrgent, type Engine, type Urgency } from '../engine.js';

/** A run under way. */
export interface EngineRun {
  readonly urgency: Urgency;
  readonly windows: number;
  /** Whether its window may fell the engine: nothing else is under way then. */
  readonly alone: boolean;
  readonly startedAt: number;
  /** How long the engine will take over it, milliseconds; undefined where nothing is known of such runs. */
  readonly expectedMs: number | undefined;
}

export class EngineSlot {
  #hasFailed = false;
  /** And how long each stood still for more urgent ones that have ended, milliseconds. */
  readonly #running = new Map<EngineRun, number>();
  #busyMs = 0;
  /** When its last run ended. */
  #endedAt = 0;
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Whether its last run failed: it may be restarting. It then comes last, and is tried with one window. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Milliseconds spent in runs: among free engines the least loaded goes first. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** Windows of the runs under way. */
  get windows(): number {
    return [...this.#running.keys()].reduce((sum, { windows }) => sum + windows, 0);
  }

  /**
   * Whether a run could begin: one more urgent than all that are under way, where the engine shares its time. Beside a
   * window that may fell the engine none does.
   */
  get isFree(): boolean {
    if (!this.isBusy) return true;
    if (this.engine.sharesTime !== true || this.#hasFailed) return false;
    return this.urgency !== 'awaited' && [...this.#running.keys()].every(({ alone }) => !alone);
  }

  /** Of the most urgent run under way; undefined while there is none. */
  get urgency(): Urgency | undefined {
    return this.isBusy ? mostUrgent([...this.#running.keys()].map(({ urgency }) => urgency)) : undefined;
  }

  /** Whether a run could be handed to the engine for when those under way are over. */
  get takesNext(): boolean {
    const { runsInFlight = 1, sharesTime } = this.engine;
    if (sharesTime === true || this.#hasFailed || !this.isBusy) return false;
    return this.#running.size < runsInFlight && [...this.#running.keys()].every(({ alone }) => !alone);
  }

  /** When what is under way will be over; undefined where that is not known. */
  get expectedEnd(): number | undefined {
    let end = this.#endedAt;
    for (const { startedAt, expectedMs } of this.#running.keys()) {
      if (expectedMs === undefined) return undefined;
      end = Math.max(end, startedAt) + expectedMs;
    }
    return end;
  }

  begin(run: EngineRun): void {
    this.#running.set(run, 0);
  }

  /**
   * Returns how long the engine took over the run, milliseconds: without the time in which it was busy with another one
   * first, or the run stood still for one.
   */
  end(run: EngineRun, now: number, hasFailed: boolean): number {
    const stoodMs = this.#running.get(run) ?? 0;
    this.#running.delete(run);
    this.#hasFailed = hasFailed;
    const began = this.engine.sharesTime === true ? run.startedAt : Math.max(run.startedAt, this.#endedAt);
    const tookMs = now - began - stoodMs;
    for (const [other, otherStoodMs] of this.#running) {
      if (isMoreUrgent(run.urgency, other.urgency)) this.#running.set(other, otherStoodMs + tookMs);
    }
    this.#endedAt = now;
    this.#busyMs += tookMs;
    return tookMs;
  }
}
