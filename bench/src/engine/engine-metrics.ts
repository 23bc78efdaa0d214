// From the times of the engine's cases to speeds, speedups and shares.
import type { DecodeTiming } from '@sotto/server';
import type { RunTimes } from '../measure/interleaved.js';
import { distribution, median } from '../measure/statistics.js';
import { atLeast, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { DecodeCase } from './decode-case.js';

export interface TimedCase extends DecodeCase, Pick<RunTimes, 'wallMs' | 'cpuMs'> {}

/** The case that has targets: one window of this context. */
const TARGET_CONTEXT_MS = 6_000;

/** Times and speeds of every case, and the speedup of each that has a partner without a draft. */
export function timingMetrics(cases: readonly TimedCase[]): Metric[] {
  const byKey = new Map(cases.map((one) => [keyOf(one), one]));
  return cases.flatMap((one) => {
    const middle = median(one.wallMs);
    const isTarget = one.batch === 1 && one.contextMs === TARGET_CONTEXT_MS && !one.isGrowing;
    const metrics: Metric[] = [
      distributionMetric(one.name, 'ms', distribution(one.wallMs)),
      scalarMetric(`${one.name}: xRealTime`, 'x', one.audioMs / middle, {
        better: 'higher',
        ...(isTarget && one.drafting === 'none' ? { target: atLeast('value', 10) } : {}),
      }),
      distributionMetric(`${one.name}: cpuTime`, 'ms', distribution(one.cpuMs)),
      scalarMetric(`${one.name}: decodesPerSecond`, '1/s', (one.decodes * 1_000) / middle, { better: 'higher' }),
    ];
    const plain = one.drafting === 'none' ? undefined : byKey.get(keyOf({ ...one, drafting: 'none' }));
    if (plain !== undefined) {
      metrics.push(
        scalarMetric(`${one.name}: speedup`, 'x', median(plain.wallMs) / middle, {
          better: 'higher',
          note: 'median without a draft / median with it, same tokens',
          ...(isTarget ? { target: atLeast('value', 2) } : {}),
        }),
        scalarMetric(`${one.name}: cpuSpeedup`, 'x', median(plain.cpuMs) / median(one.cpuMs), {
          better: 'higher',
          note: 'the same in CPU time',
        }),
      );
    }
    return metrics;
  });
}

/** Where the time goes, by case: shares of the sum over all runs, and what the draft does for the decoder alone. */
export function shareMetrics(
  cases: readonly TimedCase[],
  timings: ReadonlyMap<string, readonly DecodeTiming[]>,
): Metric[] {
  const totals = new Map(cases.map((one) => [keyOf(one), totalOf(timings.get(one.name) ?? [])]));
  return cases.flatMap((one) => {
    const total = totals.get(keyOf(one));
    if (total === undefined || total.decodes === 0) return [];
    const { encodeMs, promptMs, stepsMs, steps, decodes } = total;
    const share = (name: string, ms: number): Metric =>
      scalarMetric(`${one.name}: share.${name}`, 'share', ms / (encodeMs + promptMs + stepsMs), { better: 'neither' });
    const plain = one.drafting === 'none' ? undefined : totals.get(keyOf({ ...one, drafting: 'none' }));
    return [
      share('encode', encodeMs),
      share('prompt', promptMs),
      share('steps', stepsMs),
      scalarMetric(`${one.name}: stepsPerDecode`, 'steps', steps / decodes),
      ...(plain === undefined || plain.decodes === 0
        ? []
        : [
            scalarMetric(`${one.name}: decoderSpeedup`, 'x', decoderMs(plain) / decoderMs(total), {
              better: 'higher',
              note: 'the same without the encoder: mean time of prompt and steps without a draft / with it',
            }),
          ]),
    ];
  });
}

interface TimingTotal {
  encodeMs: number;
  promptMs: number;
  stepsMs: number;
  steps: number;
  decodes: number;
}

function totalOf(timings: readonly DecodeTiming[]): TimingTotal {
  const total = { encodeMs: 0, promptMs: 0, stepsMs: 0, steps: 0, decodes: timings.length };
  for (const { encodeMs, promptMs, stepsMs, steps } of timings) {
    total.encodeMs += encodeMs;
    total.promptMs += promptMs;
    total.stepsMs += stepsMs;
    total.steps += steps;
  }
  return total;
}

const decoderMs = ({ promptMs, stepsMs, decodes }: TimingTotal): number => (promptMs + stepsMs) / decodes;

const keyOf = ({ isGrowing, contextMs, batch, drafting }: Omit<DecodeCase, 'run' | 'name'>): string =>
  [isGrowing, contextMs, batch, drafting].join(' ');
