// Whether the panel tells what the load generator saw, by the same definitions.
import { percentile } from '../measure/statistics.js';
import { scalarMetric, type Metric } from '../report/metric.js';
import type { ObservedStream } from '../stream/stream-metrics.js';
import { settledWords } from '../stream/word-latency.js';
import type { PanelSample } from './panel-reader.js';

/** What one latency of the panel is told over, milliseconds. */
const WINDOW_MS = 60_000;

/** A latency and when the client knew it, milliseconds since 1970 and milliseconds. */
interface Seen {
  readonly at: number;
  readonly ms: number;
}

/** Figures of the clients beside those of the panel's sample, which ends a minute of load. */
export function agreementMetrics(streams: readonly ObservedStream[], sample: PanelSample): Metric[] {
  const seen = streams.map(latenciesOf);
  return (['firstPartial', 'word', 'final'] as const).flatMap((name) => {
    const values = seen
      .flatMap((one) => one[name])
      .filter(({ at }) => at > sample.at - WINDOW_MS && at <= sample.at)
      .map(({ ms }) => ms)
      .toSorted((a, b) => a - b);
    const told = sample.latencies[name];
    if (values.length === 0 || told === undefined) return [];
    return (
      [
        ['p50', 0.5],
        ['p95', 0.95],
      ] as const
    ).flatMap(([key, quantile]) => {
      const [client, server] = [percentile(values, quantile), 1_000 * told[key]];
      return [
        scalarMetric(`${name}${key.toUpperCase()}Ratio`, 'panel ÷ client', server / client, {
          better: 'neither',
          note: `panel ${server.toFixed(0)} ms, client ${client.toFixed(0)} ms, ${values.length} values`,
        }),
      ];
    });
  });
}

/** As the server defines them: from the client's receipt of one event to that of the other, words by their ends. */
function latenciesOf({ trace, events, startedAt }: ObservedStream): Record<'firstPartial' | 'word' | 'final', Seen[]> {
  const wall = (atMs: number): number => performance.timeOrigin + startedAt + atMs;
  const began = new Map<number, number>();
  for (const { atMs, event } of events) if (event.type === 'speechStarted') began.set(event.segmentId, atMs);
  const seen: Record<'firstPartial' | 'word' | 'final', Seen[]> = { firstPartial: [], word: [], final: [] };
  for (const segment of trace.segments) {
    const { final, speechEndedAtMs, partials, segmentId } = segment;
    const first = partials.find(({ partial }) => partial.stable + partial.tentative !== '');
    const beganAt = began.get(segmentId);
    if (first !== undefined && beganAt !== undefined) {
      seen.firstPartial.push({ at: wall(first.atMs), ms: first.atMs - beganAt });
    }
    if (final === undefined) continue;
    if (speechEndedAtMs !== undefined) {
      seen.final.push({ at: wall(final.atMs), ms: final.atMs - speechEndedAtMs });
    }
    for (const word of settledWords(segment)) {
      seen.word.push({ at: wall(final.atMs), ms: word.shownAtMs - word.endMs });
    }
  }
  return seen;
}
