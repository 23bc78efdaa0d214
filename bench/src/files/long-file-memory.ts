// What hours of audio in one file, or in several at once, take of memory.
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryWatch } from '../measure/memory-watch.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import type { BenchServer } from '../server/bench-server.js';
import { upload, type MakeWav } from './wav-upload.js';

const MEBIBYTE = 1_048_576;
/** What one file may take over an idle server, and all that come at once together. */
const ONE_FILE_MIB = 400;
/** What is not needed is given back within this time. */
const SETTLE_MS = 30_000;

export interface LongFiles {
  readonly minutes: number;
  /** That are sent at once. */
  readonly files: number;
}

/** @param idleBytes of the server that has answered one file; undefined where memory cannot be read */
export async function longFileMemory(
  server: BenchServer,
  wav: MakeWav,
  { minutes, files }: LongFiles,
  idleBytes: number | undefined,
): Promise<Metric[]> {
  if (minutes === 0 || idleBytes === undefined) return [];
  const watch = new MemoryWatch(() => server.usage());
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: files }, () => upload(server, wav(minutes * 60))));
  const tookMs = performance.now() - startedAt;
  const peak = Math.max(...watch.stop().map(({ pssBytes }) => pssBytes));
  await sleep(SETTLE_MS);
  const after = await server.usage();
  const told = files === 1 ? `a file of ${minutes} min` : `${files} files of ${minutes} min at once`;
  return [
    scalarMetric('memoryOverIdle', 'MiB', (peak - idleBytes) / MEBIBYTE, {
      ...(files === 1 && { target: atMost('value', ONE_FILE_MIB) }),
      note: `peak during ${told}, server and engine, less the server that has answered one file`,
    }),
    scalarMetric('memoryPeak', 'MiB', peak / MEBIBYTE, { note: 'the same, all of it' }),
    scalarMetric('memoryKept', 'MiB', ((after?.pssBytes ?? NaN) - idleBytes) / MEBIBYTE, {
      target: atMost('value', 100),
      note: `${SETTLE_MS / 1_000} s later, less the server that has answered one file`,
    }),
    scalarMetric('longFileSpeed', 'x real time', (files * minutes * 60_000) / tookMs, { better: 'higher' }),
  ];
}
