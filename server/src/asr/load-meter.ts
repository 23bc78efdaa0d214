// How busy the engines are: by how much sessions should space out their partials, and how many windows a run may hold.
import { KINDS, laneOf, type DecodeKind, type Lane } from './decode-queue.js';

/** Share of the engines' time that may be planned for: the rest takes up bursts. */
const TARGET_UTILISATION = 0.75;
/** Partials are never stretched beyond this. */
const STRETCH_MAX = 10;
/** Time over which demand is remembered, milliseconds. */
const MEMORY_MS = 5_000;
/** Time over which the stretch follows a changed demand, milliseconds: slow enough not to swing. */
const FOLLOW_MS = 2_000;
/** What is left of a sum when what it counted is long past. */
const NOTHING = 1e-3;
/** A run of an engine cannot be interrupted: these are about what a final may have to wait for one, milliseconds. */
const RUN_MS_MAX = { live: 400, file: 200 } as const satisfies Record<Lane, number>;

/** A sum that forgets: what is as old as {@link MEMORY_MS} counts 1/e. */
class FadingSum {
  #sum = 0;
  #at = 0;

  add(amount: number, now: number): void {
    this.#sum = this.at(now) + amount;
    this.#at = now;
  }

  at(now: number): number {
    return this.#sum * Math.exp(-Math.max(0, now - this.#at) / MEMORY_MS);
  }
}

interface KindLoad {
  readonly asked: FadingSum;
  readonly rows: FadingSum;
  readonly busyMs: FadingSum;
}

/**
 * Learns what is asked and what a window costs, and derives the stretch without feedback on itself: sessions that stretch by `s` ask 1/s as often, so
 * `asked x s` is the demand at rest, and `s = demand at rest / capacity left by finals` is a fixed point that needs no trial and error.
 */
export class LoadMeter {
  readonly #load: Record<DecodeKind, KindLoad> = { final: kindLoad(), partial: kindLoad(), file: kindLoad() };
  readonly #engines: number;
  #stretch = 1;
  #stretchAt: number;

  constructor(engines: number, now: number) {
    this.#engines = engines;
    this.#stretchAt = now;
  }

  asked(kind: DecodeKind, now: number): void {
    this.#load[kind].asked.add(1, now);
  }

  /** A run is over. Its time is shared equally among its windows. */
  ran(kinds: readonly DecodeKind[], runMs: number, now: number): void {
    for (const kind of kinds) {
      this.#load[kind].rows.add(1, now);
      this.#load[kind].busyMs.add(runMs / kinds.length, now);
    }
  }

  /** 1 when idle, up to {@link STRETCH_MAX}. */
  stretch(now: number): number {
    const capacity = Math.max(0.05, TARGET_UTILISATION * this.#engines - this.#demand('final', now));
    const wanted = Math.min(STRETCH_MAX, Math.max(1, (this.#demand('partial', now) * this.#stretch) / capacity));
    const elapsed = Math.max(0, now - this.#stretchAt);
    this.#stretch += (wanted - this.#stretch) * (1 - Math.exp(-elapsed / FOLLOW_MS));
    this.#stretchAt = now;
    return this.#stretch;
  }

  /**
   * How many windows of one lane a run may hold, so that it is over within about {@link RUN_MS_MAX}: at least 1. Where batches cost next to nothing
   * (a GPU) and where nobody is live it is without limit.
   */
  windowsPerRun(lane: Lane, now: number): number {
    const live = this.#load.final.asked.at(now) + this.#load.partial.asked.at(now);
    const loads = KINDS.filter((kind) => laneOf(kind) === lane).map((kind) => this.#load[kind]);
    const rows = loads.reduce((sum, load) => sum + load.rows.at(now), 0);
    const busyMs = loads.reduce((sum, load) => sum + load.busyMs.at(now), 0);
    if (live < NOTHING || rows < NOTHING) return Infinity;
    return Math.max(1, Math.floor((RUN_MS_MAX[lane] * rows) / busyMs));
  }

  /** Engine time that is asked for, per time. */
  #demand(kind: DecodeKind, now: number): number {
    const { asked, rows, busyMs } = this.#load[kind];
    const done = rows.at(now);
    return done < NOTHING ? 0 : ((asked.at(now) / MEMORY_MS) * busyMs.at(now)) / done;
  }
}

function kindLoad(): KindLoad {
  return { asked: new FadingSum(), rows: new FadingSum(), busyMs: new FadingSum() };
}
