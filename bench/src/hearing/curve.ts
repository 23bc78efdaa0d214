// How early words are stable, and how many of them the final then corrects: one point for each policy, hold-back and
// interval. Latency is in audio time: what a policy waits for, computing not counted.
import type { Stability } from '@sotto/server';
import { pcmOf, type Playlist } from '../audio/playlist.js';
import { BenchError } from '../bench-error.js';
import { statisticOf } from '../report/metric.js';
import { traceStream } from '../stream/segment-trace.js';
import { streamMetrics } from '../stream/stream-metrics.js';
import type { Hearing } from './hearing.js';

export interface CurveSetting {
  readonly stability: Stability;
  /** Undefined where the policy has none. */
  readonly holdbackMs: number | undefined;
  readonly partialIntervalMs: number;
}

export interface CurvePoint extends CurveSetting {
  /** From a word's end to its first stable appearance, milliseconds. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Share of the stable words that the final does not have. */
  readonly corrected: number;
  /** Words that were shown and changed, per word of the finals. */
  readonly revised: number;
}

/** Every policy at every interval, those with a hold-back at every one of them. */
export function curveSettings(holdbacksMs: readonly number[], intervalsMs: readonly number[]): CurveSetting[] {
  return intervalsMs.flatMap((partialIntervalMs) => [
    { stability: 'local-agreement' as const, holdbackMs: undefined, partialIntervalMs },
    ...(['align-att', 'both'] as const).flatMap((stability) =>
      holdbacksMs.map((holdbackMs) => ({ stability, holdbackMs, partialIntervalMs })),
    ),
  ]);
}

/** Plays a playlist in one setting. */
export async function curvePoint(
  hearing: Hearing,
  playlist: Playlist,
  language: string,
  setting: CurveSetting,
): Promise<CurvePoint> {
  const { stability, holdbackMs, partialIntervalMs } = setting;
  const own = await hearing.with({ stability, ...(holdbackMs === undefined ? {} : { holdbackMs }) });
  const pcm = new Int16Array(pcmOf(playlist, 0, playlist.totalSamples).buffer);
  const { events } = await own.live(
    Float32Array.from(pcm, (sample) => sample / 32_768),
    {
      language,
      partialIntervalMs,
    },
  );
  const observed = { playlist, events, trace: traceStream(events, []), startedAt: 0, sendDelaysMs: [0] };
  const metrics = streamMetrics([observed], 1);
  const read = (name: string, statistic: 'p50' | 'p95' | 'value'): number => {
    const metric = metrics.find((one) => one.name === name);
    const value = metric && statisticOf(metric, statistic);
    if (value === undefined) throw new BenchError('bad_recordings', `No words were heard: there is no ${name}.`);
    return value;
  };
  return {
    ...setting,
    p50Ms: read('wordLatency', 'p50'),
    p95Ms: read('wordLatency', 'p95'),
    corrected: read('stableWordsCorrected', 'value'),
    revised: read('revisionsPerWord', 'value'),
  };
}
