// How busy the engines are, and by how much sessions should space out their partials so that they keep up.
import type { DecodeKind } from './decode-queue.js';

/** Share of the engines' time that may be planned for: the rest takes up bursts. */
const TARGET_UTILISATION = 0.75;
/** Partials are never stretched beyond this. */
const STRETCH_MAX = 10;
/** Time over which demand is remembered, milliseconds. */
const MEMORY_MS = 5_000;
/** Time over which the stretch follows a changed demand, milliseconds: slow enough not to swing. */
const FOLLOW_MS = 2_000;

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

  /** Engine time that is asked for, per time. */
  #demand(kind: DecodeKind, now: number): number {
    const { asked, rows, busyMs } = this.#load[kind];
    const done = rows.at(now);
    return done < 1e-3 ? 0 : ((asked.at(now) / MEMORY_MS) * busyMs.at(now)) / done;
  }
}

function kindLoad(): KindLoad {
  return { asked: new FadingSum(), rows: new FadingSum(), busyMs: new FadingSum() };
}
