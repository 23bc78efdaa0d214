// From repeated measurements of throughput to medians and ratios.
import type { Drafting } from '../engine/decode-case.js';
import { median } from '../measure/statistics.js';
import { atLeast, scalarMetric, type Metric } from '../report/metric.js';
import type { Throughput } from './saturate.js';

/** One kind of work on one set of devices, measured once in every round. */
export interface MeasuredWork {
  readonly devices: readonly string[];
  /** Names the work without the draft: `context 30 s`. */
  readonly work: string;
  readonly drafting: Drafting;
  readonly rounds: readonly Throughput[];
}

/** Two GPUs should do this many times as much as one. */
const TWO_DEVICES_TARGET = 1.8;

export const workName = ({ devices, work, drafting }: Omit<MeasuredWork, 'rounds'>): string =>
  `${devices.join(',')}: ${work}, draft ${drafting}`;

export const windowsPerSecond = ({ windows, tookMs }: Throughput): number => (windows * 1_000) / tookMs;

/**
 * Medians of every work; beside them what the draft brings, and what more devices than those of the first set bring.
 */
export function throughputMetrics(measured: readonly MeasuredWork[]): Metric[] {
  const rateOf = ({ rounds }: MeasuredWork): number => median(rounds.map(windowsPerSecond));
  const first = measured[0]?.devices ?? [];
  return measured.flatMap((one) => {
    const name = workName(one);
    const rate = rateOf(one);
    const rest = (change: Partial<MeasuredWork>): MeasuredWork | undefined =>
      measured.find((other) => workName(other) === workName({ ...one, ...change }));
    const plain = one.drafting === 'none' ? undefined : rest({ drafting: 'none' });
    const onFirst = one.devices === first ? undefined : rest({ devices: first });
    const isTwoToOne = one.devices.length === 2 && first.length === 1;
    return [
      scalarMetric(`${name}: windowsPerSecond`, '1/s', rate, {
        better: 'higher',
        note: `rounds: ${one.rounds.map((round) => windowsPerSecond(round).toFixed(1)).join(', ')}`,
      }),
      scalarMetric(`${name}: xRealTime`, 'x', median(one.rounds.map(({ audioMs, tookMs }) => audioMs / tookMs)), {
        better: 'higher',
      }),
      scalarMetric(`${name}: windowsPerRun`, 'windows', median(one.rounds.map((round) => round.windowsPerRun)), {
        better: 'neither',
      }),
      ...(plain === undefined
        ? []
        : [scalarMetric(`${name}: speedup by the draft`, 'x', rate / rateOf(plain), { better: 'higher' })]),
      ...(onFirst === undefined
        ? []
        : [
            scalarMetric(`${name}: timesFirst`, 'x', rate / rateOf(onFirst), {
              better: 'higher',
              note: `against ${first.join(',')}`,
              ...(isTwoToOne ? { target: atLeast('value', TWO_DEVICES_TARGET) } : {}),
            }),
          ]),
    ];
  });
}
