// The figures of a step, and whether they hold.
import { distribution } from '../measure/statistics.js';
import { errorRate } from '@sotto/models';
import {
  atMost,
  distributionMetric,
  meetsTarget,
  scalarMetric,
  type Metric,
  type MetricOptions,
} from '../report/metric.js';
import { formatNumber } from '../report/table.js';
import { lossTotal } from '../stream/segment-trace.js';
import type { StepMeasurement } from './capacity-step.js';

export interface Limits {
  /** Bound of the 95th percentile, milliseconds. */
  readonly wordLatencyMs: number;
  readonly finalLatencyMs: number;
  /** Which appearance of a word is held against the bound. */
  readonly wordIs: 'stable' | 'shown';
}

/** A step as it is printed, with its verdict. */
export interface JudgedStep {
  readonly connections: number;
  readonly holds: boolean;
  /** What broke, by the figure's name. */
  readonly broken: readonly string[];
  readonly metrics: readonly Metric[];
}

/** A step holds when every figure with a target was measured and meets it. */
export function judgeStep(step: StepMeasurement, limits: Limits): JudgedStep {
  const metrics = stepMetrics(step, limits);
  const broken = metrics
    .filter((metric) => metric.target !== undefined && meetsTarget(metric) !== true)
    .map(({ name }) => name);
  return { connections: step.connections, holds: broken.length === 0, broken, metrics };
}

function stepMetrics(step: StepMeasurement, { wordLatencyMs, finalLatencyMs, wordIs }: Limits): Metric[] {
  const { samples, server, loss, troubles, wordErrors } = step;
  const wordTarget = { target: atMost('p95', wordLatencyMs) };
  return [
    ms('wordLatency', samples.word, wordIs === 'stable' ? wordTarget : {}),
    ms('wordShownLatency', samples.wordShown, wordIs === 'shown' ? wordTarget : {}),
    ms('wordShownLatencyInPartials', samples.wordShownInPartials, {
      note: `of words that a partial showed: ${samples.wordShownInPartials.length} of ${samples.wordShown.length}; the others are corrected in their final`,
    }),
    ms('wordLatencyTrueEnds', samples.wordTrueEnds),
    ms('finalLatency', samples.final, { target: atMost('p95', finalLatencyMs) }),
    ms('finalLatencyAfterSpeechEnded', samples.finalAfterSpeechEnded),
    ms('firstPartialLatency', samples.firstPartial),
    ms('serverLag', samples.serverLag),
    ms('partialInterval', samples.partialInterval),
    scalarMetric('eventsLost', 'events', lossTotal(loss), { target: atMost('value', 0), note: lossNote(loss) }),
    scalarMetric('errors', 'messages', troubles.length, {
      target: atMost('value', 0),
      note: [...new Set(troubles)].slice(0, 5).join(', ') || 'none',
    }),
    ...known('wordErrorRate', 'share', wordErrors.reference === 0 ? undefined : errorRate(wordErrors)),
    ...distributionOf('partialStretch', 'x', server.stretch),
    ...distributionOf('windowsWaiting', 'windows', server.waiting),
    ...known('windowsPerSecond', '1/s', server.windowsPerSecond, { better: 'neither' }),
    ...known('windowsPerRun', 'windows', server.windowsPerRun, { better: 'neither' }),
    ...known('partialsSkipped', 'share', server.partialsSkipped),
    ...known('earlyFinalsPerSecond', '1/s', server.earlyFinalsPerSecond, { better: 'neither' }),
    ...known('earlyFinalsUsed', 'share', server.earlyFinalsUsed, { better: 'higher' }),
    ...known('windowsLost', 'windows', server.windowsLost, { target: atMost('value', 0) }),
    ...known('serverCores', 'cores', server.cores),
    ...known('engineCores', 'cores', server.engineCores),
    ...known('socketThreadCores', 'cores', server.socketThreadCores, {
      ...(server.socketThreads.length > 0 && {
        note: `each: ${server.socketThreads.map((cores) => cores.toFixed(2)).join(', ')}`,
      }),
    }),
    ...known('queueThreadCores', 'cores', server.queueThreadCores),
    ...known('redisCores', 'cores', server.redisCores),
    ...distributionOf('serverLoopDelayP99', 'ms', server.loopDelayMs),
    ms('clientSendDelay', samples.sendDelay),
    scalarMetric('clientCores', 'cores', step.cpuMs / step.windowMs, { note: `${step.clients} processes` }),
  ];
}

const ms = (name: string, values: readonly number[], options: MetricOptions = {}): Metric =>
  distributionMetric(name, 'ms', distribution(values), options);

const known = (name: string, unit: string, value: number | undefined, options: MetricOptions = {}): Metric[] =>
  value === undefined ? [] : [scalarMetric(name, unit, value, options)];

const distributionOf = (name: string, unit: string, values: readonly number[]): Metric[] =>
  values.length === 0 ? [] : [distributionMetric(name, unit, distribution(values))];

const lossNote = (loss: StepMeasurement['loss']): string =>
  Object.entries(loss)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

/** What a line of text tells of a step. */
const LINE_FIGURES: readonly (readonly [string, string])[] = [
  ['wordLatency', 'word'],
  ['wordShownLatency', 'shown'],
  ['finalLatency', 'final'],
  ['finalLatencyAfterSpeechEnded', 'after speechEnded'],
  ['firstPartialLatency', 'first partial'],
  ['partialInterval', 'interval'],
  ['partialStretch', 'stretch'],
  ['windowsPerSecond', 'windows/s'],
  ['windowsPerRun', 'windows/run'],
  ['socketThreadCores', 'socket thread'],
  ['queueThreadCores', 'queue thread'],
  ['serverLoopDelayP99', 'loop delay'],
  ['clientSendDelay', 'client late'],
  ['eventsLost', 'lost'],
  ['errors', 'errors'],
];

/** One line: the verdict, p50/p95 of the distributions, the values of the others. */
export function stepLine({ connections, holds, broken, metrics }: JudgedStep): string {
  const byName = new Map(metrics.map((metric) => [metric.name, metric]));
  const figures = LINE_FIGURES.flatMap(([name, label]) => {
    const metric = byName.get(name);
    if (metric === undefined) return [];
    if (metric.kind === 'scalar') return [`${label} ${formatNumber(metric.value)}`];
    return [metric.count === 0 ? `${label} -` : `${label} ${formatNumber(metric.p50)}/${formatNumber(metric.p95)}`];
  });
  return `${connections} streams ${holds ? 'HOLD' : `BREAK (${broken.join(', ')})`}: ${figures.join(', ')}`;
}
