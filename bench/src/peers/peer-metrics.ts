// The figures of peers: speed, errors by language, memory, and Sotto against each of them.
import { comparedUnit, errorRate, scoreText, totalErrors } from '@sotto/models';
import { median } from '../measure/statistics.js';
import { scalarMetric, type Metric } from '../report/metric.js';
import type { GivenClip } from './peer-clips.js';
import type { PeerRun } from './run-peer.js';

const MEBIBYTE = 1_048_576;
const SETS = ['joined', 'alone'] as const;

/** @param runs of one peer, a round each */
export function peerMetrics(name: string, runs: readonly PeerRun[], clips: readonly GivenClip[]): Metric[] {
  const metrics: Metric[] = [];
  for (const set of SETS) {
    const mine = clips.filter((clip) => clip.set === set);
    if (mine.length === 0) continue;
    const speeds = runs.map((run) => speedOf(run, mine));
    metrics.push(
      scalarMetric(`${name}, ${set}: speed`, 'x real time', median(speeds), { better: 'higher', note: raw(speeds) }),
    );
    for (const language of new Set(mine.map((clip) => clip.language))) {
      // Greedy decoding gives the same text in each round, but for ties: the last round stands.
      const scores = mine
        .filter((clip) => clip.language === language)
        .map(({ id, text }) => scoreText(text, runs.at(-1)?.answers.get(id)?.text ?? '', language));
      const { substitutions, deletions, insertions, reference } = totalErrors(scores);
      metrics.push(
        scalarMetric(`${name}, ${set}: errors ${language}`, 'share', errorRate(totalErrors(scores)), {
          note: `${comparedUnit(language)}s: ${substitutions} wrong, ${deletions} missing, ${insertions} too many of ${reference}`,
        }),
      );
    }
  }
  const minutes = clips.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  const costs = runs.map(({ cpuMs }) => cpuMs / 1_000 / minutes);
  metrics.push(scalarMetric(`${name}: processor time`, 's / min of audio', median(costs), { note: raw(costs) }));
  const peaks = runs.map(({ peakBytes }) => peakBytes / MEBIBYTE);
  metrics.push(
    scalarMetric(`${name}: peak memory`, 'MiB', median(peaks), { note: raw(peaks) }),
    scalarMetric(`${name}: load`, 'ms', median(runs.map(({ loadMs }) => loadMs))),
  );
  return metrics;
}

/**
 * How many times as fast as another a peer is on joined files, and how much less it works: medians of the rounds'
 * ratios.
 */
export function ratioMetric(
  [name, runs]: readonly [string, readonly PeerRun[]],
  [other, otherRuns]: readonly [string, readonly PeerRun[]],
  clips: readonly GivenClip[],
): Metric[] {
  const joined = clips.filter(({ set }) => set === 'joined');
  const pairs = runs.flatMap((run, round) => {
    const against = otherRuns[round];
    return against === undefined ? [] : [{ run, against }];
  });
  if (joined.length === 0 || pairs.length === 0) return [];
  const speeds = pairs.map(({ run, against }) => speedOf(run, joined) / speedOf(against, joined));
  const costs = pairs.map(({ run, against }) => run.cpuMs / against.cpuMs);
  return [
    scalarMetric(`${name} / ${other}, joined: speed`, 'times', median(speeds), { better: 'higher', note: raw(speeds) }),
    scalarMetric(`${name} / ${other}: processor time`, 'times', median(costs), { note: raw(costs) }),
  ];
}

function speedOf({ answers }: PeerRun, clips: readonly GivenClip[]): number {
  const seconds = clips.reduce((sum, clip) => sum + clip.seconds, 0);
  const ms = clips.reduce((sum, { id }) => sum + (answers.get(id)?.ms ?? 0), 0);
  return (1_000 * seconds) / ms;
}

const raw = (values: readonly number[]): string => `rounds: ${values.map((value) => value.toPrecision(3)).join(', ')}`;
