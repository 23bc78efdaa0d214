// How latencies are spread, finely enough to tell a percentile within a few parts of a hundred, in a kilobyte.

/** Each step is so much longer than the one before: the middle of one is at most 2.5 % away. */
const STEP = 1.05;
/** The end of the first step, seconds. */
const LEAST_S = 0.001;
/** Up to two minutes. */
const STEPS = 240;

export class LatencySpread {
  readonly #counts = new Uint32Array(STEPS);

  observe(seconds: number): void {
    const step = seconds <= LEAST_S ? 0 : Math.ceil(Math.log(seconds / LEAST_S) / Math.log(STEP));
    const at = Math.min(STEPS - 1, step);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** How often each step came so far; a copy. */
  get counts(): Uint32Array {
    return this.#counts.slice();
  }
}

/** Seconds below which a share of the values lies, 0-1; undefined where there is none. `from`: counts before them. */
export function spreadQuantile(counts: Uint32Array, share: number, from?: Uint32Array): number | undefined {
  const own = counts.map((count, step) => count - (from?.[step] ?? 0));
  const total = own.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  const step = own.findIndex((count) => (below += count) >= share * total);
  return step === 0 ? 0 : LEAST_S * STEP ** (step - 0.5);
}
