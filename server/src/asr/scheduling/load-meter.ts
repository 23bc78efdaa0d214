// How busy the engines are: by how much sessions should space out their partials, and how many windows a run may hold.
import type { Lane } from './decode-queue.js';

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
/** Runs whose lengths differ by less than this part of their mean do not tell what a longer one would cost. */
const SPREAD_MIN = 0.1;
/** The least part of a run's time that grows with it: where batches seem to cost nothing, something else was slow. */
const GROWING_PART_MIN = 0.05;
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

/**
 * What runs of a lane cost, milliseconds: about `fixed + perSecond * seconds` of audio, padding included. Least squares
 * over the runs of late. A GPU's runs are mostly fixed while they are short: what a window costs in a batch of two says
 * nothing about a batch of thirty.
 */
class RunCost {
  readonly #runs = new FadingSum();
  readonly #windows = new FadingSum();
  readonly #seconds = new FadingSum();
  readonly #secondsSquared = new FadingSum();
  readonly #ms = new FadingSum();
  readonly #msSeconds = new FadingSum();
  /**
   * Part of a run's time that grows with it, as last seen; of runs of one length nothing is known, and all of it may.
   */
  #growingPart = 1;

  add(windows: number, seconds: number, ms: number, now: number): void {
    this.#runs.add(1, now);
    this.#windows.add(windows, now);
    this.#seconds.add(seconds, now);
    this.#secondsSquared.add(seconds * seconds, now);
    this.#ms.add(ms, now);
    this.#msSeconds.add(ms * seconds, now);
    this.#learnGrowth(now);
  }

  /** Means do not change as all sums fade together: what they tell changes with a run and at no other time. */
  #learnGrowth(now: number): void {
    const runs = this.#runs.at(now);
    const seconds = this.#seconds.at(now) / runs;
    const ms = this.#ms.at(now) / runs;
    const variance = this.#secondsSquared.at(now) / runs - seconds * seconds;
    if (variance <= (SPREAD_MIN * seconds) ** 2) return;
    const slope = (this.#msSeconds.at(now) / runs - ms * seconds) / variance;
    // Longer runs that took less time: one of the short ones was slow for another reason, its shape's first one for
    // example.
    if (slope > 0) this.#growingPart = Math.min(1, Math.max(GROWING_PART_MIN, (slope * seconds) / ms));
  }

  /** Undefined while no run is remembered. */
  at(now: number): { fixedMs: number; perSecondMs: number; secondsPerWindow: number } | undefined {
    const runs = this.#runs.at(now);
    if (runs < NOTHING) return undefined;
    const seconds = this.#seconds.at(now) / runs;
    const ms = this.#ms.at(now) / runs;
    return {
      fixedMs: (1 - this.#growingPart) * ms,
      perSecondMs: (this.#growingPart * ms) / seconds,
      secondsPerWindow: this.#seconds.at(now) / this.#windows.at(now),
    };
  }
}

/**
 * Learns what is asked and what runs cost, and derives the stretch without feedback on itself: a session that spaces
 * its partials out by `s` asks 1/s as often, so each of them counts `s` times, by the `s` that it was asked with. Their
 * sum is the demand at rest, and `stretch = demand at rest / capacity left by what cannot be spaced out`. (The stretch
 * of now in the place of `s` would be that of partials which were asked for seconds ago: it swings up to its maximum.)
 * What is asked counts as it would in runs as full as they may be: while engines have time, runs are small and dear,
 * and fill by themselves when there is more to do.
 */
export class LoadMeter {
  /** Seconds of audio, padding included, of live windows that come whatever the load is. */
  readonly #fixed = new FadingSum();
  /** Seconds of audio, padding included, that partials would come to if they were not spaced out. */
  readonly #atRest = new FadingSum();
  readonly #cost: Record<Lane, RunCost> = { live: new RunCost(), file: new RunCost() };
  readonly #engines: number;
  readonly #maxBatch: number;
  #stretch = 1;
  #stretchAt: number;

  /** @param maxBatch windows of the largest run */
  constructor(engines: number, maxBatch: number, now: number) {
    this.#engines = engines;
    this.#maxBatch = maxBatch;
    this.#stretchAt = now;
  }

  /**
   * A window is to be decoded.
   * @param seconds of audio, padding included
   * @param spacing by how much load has spaced it out from the one before it; undefined: it comes whatever the load is
   */
  asked(lane: Lane, seconds: number, now: number, spacing?: number): void {
    if (lane === 'file') return;
    if (spacing === undefined) this.#fixed.add(seconds, now);
    else this.#atRest.add(seconds * spacing, now);
  }

  /** A run is over. @param seconds of audio of all its windows, padding included */
  ran(lane: Lane, windows: number, seconds: number, runMs: number, now: number): void {
    this.#cost[lane].add(windows, seconds, runMs, now);
  }

  /**
   * What live sessions ask for at rest, as part of what may be planned for: 0 when idle, and from 1 on partials are
   * stretched.
   */
  load(now: number): number {
    const capacity = Math.max(0.05, TARGET_UTILISATION * this.#engines - this.#demand(this.#fixed, now));
    return this.#demand(this.#atRest, now) / capacity;
  }

  /** 1 when idle, up to {@link STRETCH_MAX}. */
  stretch(now: number): number {
    const wanted = Math.min(STRETCH_MAX, Math.max(1, this.load(now)));
    const elapsed = Math.max(0, now - this.#stretchAt);
    this.#stretch += (wanted - this.#stretch) * (1 - Math.exp(-elapsed / FOLLOW_MS));
    this.#stretchAt = now;
    return this.#stretch;
  }

  /**
   * How many windows of one lane a run may hold, so that it is over within about {@link RUN_MS_MAX}: at least 1. Where
   * nobody is live it is without limit.
   */
  windowsPerRun(lane: Lane, now: number): number {
    const live = this.#fixed.at(now) + this.#atRest.at(now);
    const cost = this.#cost[lane].at(now);
    if (live < NOTHING || cost === undefined) return Infinity;
    const { fixedMs, perSecondMs, secondsPerWindow } = cost;
    return Math.max(1, Math.floor((RUN_MS_MAX[lane] - fixedMs) / (perSecondMs * secondsPerWindow)));
  }

  /**
   * How long a run over so many seconds of audio will take, milliseconds; undefined while no run of its lane is
   * remembered.
   */
  expectedMs(lane: Lane, seconds: number, now: number): number | undefined {
    const cost = this.#cost[lane].at(now);
    return cost && cost.fixedMs + cost.perSecondMs * seconds;
  }

  /** Engine time that live windows ask for, per time, in full runs. */
  #demand(asked: FadingSum, now: number): number {
    const cost = this.#cost.live.at(now);
    if (cost === undefined) return 0;
    const fullRunSeconds = Math.min(this.#maxBatch, this.windowsPerRun('live', now)) * cost.secondsPerWindow;
    return (asked.at(now) / MEMORY_MS) * (cost.perSecondMs + cost.fixedMs / fullRunSeconds);
  }
}
