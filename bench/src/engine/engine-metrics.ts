// From the times of the engine's cases to speeds, speedups and shares.
import type { DecodeTiming } from '@sotto/server';
import { distribution, median } from '../measure/statistics.js';
import { atLeast, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { DecodeCase } from './decode-case.js';

export interface TimedCase extends DecodeCase {
  readonly timesMs: readonly number[];
}

/** The case that has targets: one window of this context. */
const TARGET_CONTEXT_MS = 6_000;

/** Times and speeds of every case, and the speedup of each that has a partner without a draft. */
export function timingMetrics(cases: readonly TimedCase[]): Metric[] {
  const byKey = new Map(cases.map((one) => [keyOf(one), one]));
  return cases.flatMap((one) => {
    const middle = median(one.timesMs);
    const isTarget = one.batch === 1 && one.contextMs === TARGET_CONTEXT_MS && !one.isGrowing;
    const metrics: Metric[] = [
      distributionMetric(one.name, 'ms', distribution(one.timesMs)),
      scalarMetric(`${one.name}: xRealTime`, 'x', one.audioMs / middle, {
        better: 'higher',
        ...(isTarget && one.drafting === 'none' ? { target: atLeast('value', 10) } : {}),
      }),
      scalarMetric(`${one.name}: decodesPerSecond`, '1/s', (one.decodes * 1_000) / middle, { better: 'higher' }),
    ];
    const plain = one.drafting === 'none' ? undefined : byKey.get(keyOf({ ...one, drafting: 'none' }));
    if (plain !== undefined) {
      metrics.push(
        scalarMetric(`${one.name}: speedup`, 'x', median(plain.timesMs) / middle, {
          better: 'higher',
          note: 'median without a draft / median with it, same tokens',
          ...(isTarget ? { target: atLeast('value', 2) } : {}),
        }),
      );
    }
    return metrics;
  });
}

/** Where the time of single windows goes, by case: shares of the sum over all runs. */
export function shareMetrics(timings: ReadonlyMap<string, readonly DecodeTiming[]>): Metric[] {
  return [...timings].flatMap(([name, all]) => {
    const sum = (key: 'encodeMs' | 'promptMs' | 'stepsMs' | 'steps'): number =>
      all.reduce((total, timing) => total + timing[key], 0);
    const whole = sum('encodeMs') + sum('promptMs') + sum('stepsMs');
    if (whole === 0) return [];
    const share = (key: 'encodeMs' | 'promptMs' | 'stepsMs'): Metric =>
      scalarMetric(`${name}: share.${key.slice(0, -2)}`, 'share', sum(key) / whole, { better: 'neither' });
    return [
      share('encodeMs'),
      share('promptMs'),
      share('stepsMs'),
      scalarMetric(`${name}: stepsPerDecode`, 'steps', sum('steps') / all.length),
    ];
  });
}

const keyOf = ({ isGrowing, contextMs, batch, drafting }: Omit<DecodeCase, 'run' | 'name'>): string =>
  [isGrowing, contextMs, batch, drafting].join(' ');
