// Percentiles of measured values, by the nearest-rank rule.

/** What is kept of many values of one unit. `count` 0: nothing was measured and the other fields are 0. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * The value at a quantile of ascending values by nearest rank: the smallest value that at least `quantile` (0-1) of all
 * values do not exceed. It is always one of the values, never an interpolation.
 */
export function percentile(ascending: readonly number[], quantile: number): number {
  if (ascending.length === 0) throw new RangeError('A percentile needs at least one value.');
  if (!(quantile >= 0 && quantile <= 1)) throw new RangeError(`The quantile ${quantile} is not between 0 and 1.`);
  // The tolerance keeps 0.95 * 20 = 19.000000000000004 from becoming rank 20.
  const rank = Math.max(1, Math.ceil(quantile * ascending.length - 1e-9));
  return ascending[rank - 1] ?? Number.NaN;
}

/** Folds values into their distribution; values that are not finite are refused. */
export function distribution(values: readonly number[]): Distribution {
  if (!values.every(Number.isFinite)) throw new RangeError('A measured value is not a finite number.');
  if (values.length === 0) return { count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
  const ascending = Float64Array.from(values).sort();
  const sorted = Array.from(ascending);
  return {
    count: sorted.length,
    min: percentile(sorted, 0),
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
  };
}

/** The nearest-rank median. */
export const median = (values: readonly number[]): number =>
  percentile(Array.from(Float64Array.from(values).sort()), 0.5);
