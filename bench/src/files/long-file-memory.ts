// What hours of audio in one file take of memory.
import { MemoryWatch } from '../measure/memory-watch.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import type { BenchServer } from '../server/bench-server.js';
import { upload, type MakeWav } from './wav-upload.js';

const MEBIBYTE = 1_048_576;

/** @param idleBytes of the server that has answered one file; undefined where memory cannot be read */
export async function longFileMemory(
  server: BenchServer,
  wav: MakeWav,
  minutes: number,
  idleBytes: number | undefined,
): Promise<Metric[]> {
  if (minutes === 0 || idleBytes === undefined) return [];
  const watch = new MemoryWatch(() => server.usage());
  const tookMs = await upload(server, wav(minutes * 60));
  const peak = Math.max(...watch.stop().map(({ pssBytes }) => pssBytes));
  return [
    scalarMetric('memoryOverIdle', 'MiB', (peak - idleBytes) / MEBIBYTE, {
      target: atMost('value', 400),
      note: `peak during a file of ${minutes} min, server and engine, less the server that has answered one file`,
    }),
    scalarMetric('longFileSpeed', 'x real time', (minutes * 60_000) / tookMs, { better: 'higher' }),
  ];
}
