// An engine and what the scheduler knows of it: what is under way there, and what may begin.
import type { Lane } from './decode-queue.js';
import type { Engine } from '../engine.js';

/** A run under way. */
export interface EngineRun {
  readonly lane: Lane;
  readonly windows: number;
  /** Whether its window may fell the engine: nothing else is under way then. */
  readonly alone: boolean;
  readonly startedAt: number;
  /** How long the engine will take over it, milliseconds; undefined where nothing is known of such runs. */
  readonly expectedMs: number | undefined;
}

export class EngineSlot {
  #hasFailed = false;
  readonly #running = new Set<EngineRun>();
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
    return [...this.#running].reduce((sum, { windows }) => sum + windows, 0);
  }

  /**
   * Whether a run could begin: of live windows only, if one of files is under way and the engine shares its time.
   * Beside a window that may fell the engine none does.
   */
  get isFree(): boolean {
    const [run, ...others] = this.#running;
    if (run === undefined) return true;
    return this.engine.sharesTime === true && others.length === 0 && run.lane === 'file' && !run.alone;
  }

  /** Whether a run could be handed to the engine for when those under way are over. */
  get takesNext(): boolean {
    const { runsInFlight = 1, sharesTime } = this.engine;
    if (sharesTime === true || this.#hasFailed || !this.isBusy) return false;
    return this.#running.size < runsInFlight && [...this.#running].every(({ alone }) => !alone);
  }

  /** When what is under way will be over; undefined where that is not known. */
  get expectedEnd(): number | undefined {
    let end = this.#endedAt;
    for (const { startedAt, expectedMs } of this.#running) {
      if (expectedMs === undefined) return undefined;
      end = Math.max(end, startedAt) + expectedMs;
    }
    return end;
  }

  begin(run: EngineRun): void {
    this.#running.add(run);
  }

  /**
   * Returns how long the engine took over the run, milliseconds: without the time in which it was busy with another one
   * first.
   */
  end(run: EngineRun, now: number, hasFailed: boolean): number {
    this.#running.delete(run);
    this.#hasFailed = hasFailed;
    const began = this.engine.sharesTime === true ? run.startedAt : Math.max(run.startedAt, this.#endedAt);
    this.#endedAt = now;
    this.#busyMs += now - began;
    return now - began;
  }
}
