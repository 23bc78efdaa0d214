// Two results side by side: the ratio of every figure that both have.
import { formatNumber } from './table.js';
import { statisticOf, type Metric } from './metric.js';
import type { Result } from './result-file.js';

const STATISTICS = ['p50', 'p95', 'p99', 'value'] as const;

/** One statistic of one figure in both results. `ratio`: after / before; undefined when before is 0. */
export interface Comparison {
  readonly name: string;
  readonly statistic: (typeof STATISTICS)[number];
  readonly unit: string;
  readonly before: number;
  readonly after: number;
  readonly ratio: number | undefined;
  readonly verdict: 'better' | 'worse' | 'same' | '';
}

/** Ratios within this of 1 count as the same: repeated runs on a shared machine differ by as much. */
const NOISE = 0.05;

/** Compares figures of the same name, statistic by statistic. */
export function compareResults(before: Result, after: Result): Comparison[] {
  const afterByName = new Map(after.metrics.map((metric) => [metric.name, metric]));
  return before.metrics.flatMap((metric) => {
    const other = afterByName.get(metric.name);
    return other === undefined || other.unit !== metric.unit ? [] : compareMetrics(metric, other);
  });
}

function compareMetrics(before: Metric, after: Metric): Comparison[] {
  return STATISTICS.flatMap((statistic) => {
    const [a, b] = [statisticOf(before, statistic), statisticOf(after, statistic)];
    if (a === undefined || b === undefined) return [];
    const ratio = a === 0 ? undefined : b / a;
    return [
      { name: before.name, statistic, unit: before.unit, before: a, after: b, ratio, verdict: verdictOf(before, a, b) },
    ];
  });
}

function verdictOf({ better }: Metric, before: number, after: number): Comparison['verdict'] {
  if (better === 'neither') return '';
  const largest = Math.max(Math.abs(before), Math.abs(after));
  if (Math.abs(after - before) <= NOISE * largest) return 'same';
  return after < before === (better === 'lower') ? 'better' : 'worse';
}

/** Rows for a table, with a heading. */
export const comparisonRows = (comparisons: readonly Comparison[]): string[][] => [
  ['figure', 'unit', 'statistic', 'before', 'after', 'ratio', 'verdict'],
  ...comparisons.map(({ name, unit, statistic, before, after, ratio, verdict }) => [
    name,
    unit,
    statistic,
    formatNumber(before),
    formatNumber(after),
    ratio === undefined ? '-' : formatNumber(ratio),
    verdict,
  ]),
];
