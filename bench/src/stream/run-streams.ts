// Plays many streams at once, and watches the server's memory and CPU time meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Playlist } from '../audio/playlist.js';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { MemoryWatch } from '../measure/memory-watch.js';
import { fetchMetrics, sumOf, type MetricSample } from '../measure/prometheus.js';
import { distribution, median } from '../measure/statistics.js';
import { distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { BenchServer } from '../server/bench-server.js';
import { playStream, type PlayOptions } from './play-stream.js';
import type { ObservedStream } from './stream-metrics.js';

export interface RunOptions extends Omit<PlayOptions, 'url'> {
  readonly playlists: readonly Playlist[];
  /** Time between the starts of two connections, milliseconds, so that they do not speak in step. */
  readonly staggerMs: number;
}

export interface StreamRun {
  readonly streams: readonly ObservedStream[];
  /** What the server cost: memory, CPU time, event-loop delay. */
  readonly serverMetrics: readonly Metric[];
}

/** Time for a fresh server to come to rest before its memory is read, milliseconds. */
const SETTLE_MS = 2_000;
const MIB = 2 ** 20;

export async function runStreams(
  server: BenchServer,
  { playlists, staggerMs, ...play }: RunOptions,
): Promise<StreamRun> {
  await sleep(SETTLE_MS);
  const before = await server.usage();
  await fetchMetrics(server.httpUrl); // A scrape resets the server's event-loop histogram.
  const watch = new MemoryWatch(() => server.usage());
  const startedAt = performance.now();
  const streams = await Promise.all(
    playlists.map(async (playlist, index) => {
      await sleep(index * staggerMs);
      return await playStream(playlist, { ...play, url: server.streamUrl });
    }),
  );
  const tookMs = performance.now() - startedAt;
  const samples = watch.stop();
  const after = await server.usage();
  const audioMs = playlists.reduce((sum, { totalSamples }) => sum + totalSamples / SAMPLES_PER_MS, 0);
  const metrics = [
    scalarMetric('audioPerWallTime', 'x real time', audioMs / tookMs, {
      better: 'neither',
      note: 'audio of all connections played in the time of the run',
    }),
    ...loopDelayMetric(await fetchMetrics(server.httpUrl)),
  ];
  if (before !== undefined && after !== undefined && samples.length > 0) {
    const busy = samples.map(({ rssBytes }) => rssBytes);
    metrics.push(
      scalarMetric('realTimeFactor', 's per s', (after.cpuMs - before.cpuMs) / audioMs, {
        note: "CPU time of all the server's processes ÷ audio time, the VAD and all partials in it",
      }),
      scalarMetric('memoryBaseline', 'MiB', before.rssBytes / MIB, {
        note: 'ready, nobody connected; resident memory of all processes',
      }),
      distributionMetric('memoryBusy', 'MiB', distribution(busy.map((bytes) => bytes / MIB))),
      scalarMetric('memoryPerConnection', 'MiB', (median(busy) - before.rssBytes) / MIB / playlists.length, {
        note: '(median while busy - baseline) / connections',
      }),
    );
  }
  if (server.readyMs !== undefined) {
    metrics.push(
      scalarMetric('startToReady', 'ms', server.readyMs, {
        target: { statistic: 'value', bound: 'atMost', value: 5_000 },
      }),
    );
  }
  return { streams, serverMetrics: metrics };
}

function loopDelayMetric(samples: readonly MetricSample[]): Metric[] {
  const seconds = sumOf(samples, 'sotto_event_loop_delay_p99_seconds');
  return seconds === undefined
    ? []
    : [
        scalarMetric('serverLoopDelayP99', 'ms', seconds * 1_000, {
          note: "event-loop delay of the socket's process over the run",
        }),
      ];
}
