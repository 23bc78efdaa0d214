// Which stability policy is best, by a rule that is stated beforehand.

/** What counts of one policy. */
export interface PolicyFigures {
  readonly policy: string;
  /** Median time from a word's end to its first stable appearance, milliseconds. */
  readonly wordLatencyMs: number;
  /** Word error rate of the finals, 0-1. */
  readonly errorRate: number;
  /** Share of stable words that the final took back, 0-1. */
  readonly corrected: number;
}

/** A policy may have this many times the error rate of the best one, or this much more, whichever is more. */
const ERROR_RATE_FACTOR = 1.05;
const ERROR_RATE_SLACK = 0.005;
/** Stable words that the final takes back, share: more than this breaks the promise that stable text can be trusted. */
const CORRECTED_MAX = 0.03;

export interface PolicyChoice {
  readonly winner: string;
  readonly reason: string;
}

/**
 * Among the policies whose error rate is near the best and whose stable text is kept by the finals, the one with the
 * shortest word latency. If none keeps its stable text, the one that keeps most.
 */
export function choosePolicy(all: readonly PolicyFigures[]): PolicyChoice {
  const bestRate = Math.min(...all.map(({ errorRate }) => errorRate));
  const rateMax = Math.max(bestRate * ERROR_RATE_FACTOR, bestRate + ERROR_RATE_SLACK);
  const accurate = all.filter(({ errorRate }) => errorRate <= rateMax);
  const kept = accurate.filter(({ corrected }) => corrected <= CORRECTED_MAX);
  const [winner] =
    kept.length > 0
      ? [...kept].sort((a, b) => a.wordLatencyMs - b.wordLatencyMs)
      : [...accurate].sort((a, b) => a.corrected - b.corrected);
  if (winner === undefined) return { winner: 'none', reason: 'Nothing was measured.' };
  const out = all
    .filter((one) => !(kept.length > 0 ? kept : accurate).includes(one))
    .map(({ policy, errorRate, corrected }) =>
      errorRate > rateMax
        ? `${policy} is out with an error rate of ${percent(errorRate)} (bound ${percent(rateMax)})`
        : `${policy} is out with ${percent(corrected)} of its stable words taken back (bound ${percent(CORRECTED_MAX)})`,
    );
  const by =
    kept.length > 0
      ? `${winner.policy} has the shortest median word latency, ${Math.round(winner.wordLatencyMs)} ms`
      : `no policy keeps its stable text within ${percent(CORRECTED_MAX)}; ${winner.policy} keeps most of it (${percent(winner.corrected)} taken back)`;
  return { winner: winner.policy, reason: [by, ...out].join('; ') };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
