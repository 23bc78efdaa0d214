// A measured figure: its name, unit, direction and, where there is one, the bar that it has to reach.
import * as v from 'valibot';
import type { Distribution } from '../measure/statistics.js';

const DistributionSchema = v.object({
  count: v.number(),
  min: v.number(),
  mean: v.number(),
  p50: v.number(),
  p95: v.number(),
  p99: v.number(),
  max: v.number(),
});

const Target = v.object({
  statistic: v.picklist(['p50', 'p95', 'p99', 'max', 'value']),
  bound: v.picklist(['atMost', 'atLeast']),
  value: v.number(),
});

const common = {
  /** Stable id, by which two results are compared. */
  name: v.string(),
  unit: v.string(),
  better: v.picklist(['lower', 'higher', 'neither']),
  /** What the reader must know to read the figure. */
  note: v.optional(v.string()),
  target: v.optional(Target),
};

export const Metric = v.variant('kind', [
  v.object({ kind: v.literal('distribution'), ...common, ...DistributionSchema.entries }),
  v.object({ kind: v.literal('scalar'), ...common, value: v.number() }),
]);

export type Metric = v.InferOutput<typeof Metric>;
export type Target = v.InferOutput<typeof Target>;

export interface MetricOptions {
  readonly better?: Metric['better'];
  readonly note?: string;
  readonly target?: Target;
}

const facts = (name: string, unit: string, { better = 'lower', note, target }: MetricOptions) => ({
  name,
  unit,
  better,
  ...(note === undefined ? {} : { note }),
  ...(target === undefined ? {} : { target }),
});

/** A figure of many values. */
export const distributionMetric = (
  name: string,
  unit: string,
  values: Distribution,
  options: MetricOptions = {},
): Metric => ({ kind: 'distribution', ...facts(name, unit, options), ...values });

/** A figure of one value. */
export const scalarMetric = (name: string, unit: string, value: number, options: MetricOptions = {}): Metric => ({
  kind: 'scalar',
  ...facts(name, unit, options),
  value,
});

export const atMost = (statistic: Target['statistic'], value: number): Target => ({
  statistic,
  bound: 'atMost',
  value,
});

export const atLeast = (statistic: Target['statistic'], value: number): Target => ({
  statistic,
  bound: 'atLeast',
  value,
});

/** The value of one statistic; undefined when the metric has none of that name or measured nothing. */
export function statisticOf(metric: Metric, statistic: Target['statistic']): number | undefined {
  if (metric.kind === 'scalar') return statistic === 'value' ? metric.value : undefined;
  return statistic === 'value' || metric.count === 0 ? undefined : metric[statistic];
}

/** Whether the metric reaches its target; undefined when it has no target or nothing was measured. */
export function meetsTarget(metric: Metric): boolean | undefined {
  if (metric.target === undefined) return undefined;
  const value = statisticOf(metric, metric.target.statistic);
  if (value === undefined) return undefined;
  return metric.target.bound === 'atMost' ? value <= metric.target.value : value >= metric.target.value;
}
