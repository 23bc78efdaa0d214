// What the server's own metrics and the system say of it while it carries a load.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessCpu } from '../measure/process-tree.js';
import { fetchMetrics, largestOf, sumOf, type MetricSample } from '../measure/prometheus.js';
import type { BenchServer } from '../server/bench-server.js';

/** Figures over a window of time; what the server does not tell is undefined or empty. */
export interface ServerLoad {
  /** CPU time of all the server's processes ÷ time. */
  readonly cores: number | undefined;
  /** The same of the processes that carry engines. */
  readonly engineCores: number | undefined;
  /** The same of the thread that holds the sockets, the busiest where there are several: at 1 it is the limit. */
  readonly socketThreadCores: number | undefined;
  /** Of each of them, where a server has several. */
  readonly socketThreads: readonly number[];
  /** The same of the thread that has the queue alone, where there are several of sockets. */
  readonly queueThreadCores: number | undefined;
  /** The same of the Redis that was started for it. */
  readonly redisCores: number | undefined;
  readonly windowsPerSecond: number | undefined;
  readonly windowsPerRun: number | undefined;
  /** Partials that were replaced by newer ones before an engine took them, or dropped, ÷ all windows that ended. */
  readonly partialsSkipped: number | undefined;
  /** Finals that were decoded in a pause, before it was known to end the utterance. */
  readonly earlyFinalsPerSecond: number | undefined;
  /** How many of those were the final. */
  readonly earlyFinalsUsed: number | undefined;
  /** Finals that were refused and windows that failed. */
  readonly windowsLost: number | undefined;
  /** Event-loop delay of the sockets' process, the 99th percentile of every second, milliseconds. */
  readonly loopDelayMs: readonly number[];
  /** By how much partial intervals were stretched, every second. */
  readonly stretch: readonly number[];
  /** Windows that waited for an engine, every second. */
  readonly waiting: readonly number[];
}

const SCRAPE_INTERVAL_MS = 1_000;

/** Watches a server for `lastsMs`, beginning after `delayMs`. */
export async function watchServer(server: BenchServer, delayMs: number, lastsMs: number): Promise<ServerLoad> {
  await sleep(delayMs);
  const startedAt = performance.now();
  const [before, cpuBefore] = await Promise.all([fetchMetrics(server.httpUrl), server.cpu()]);
  const scrapes: MetricSample[][] = [];
  for (let at = SCRAPE_INTERVAL_MS; at <= lastsMs; at += SCRAPE_INTERVAL_MS) {
    await sleep(startedAt + at - performance.now());
    scrapes.push(await fetchMetrics(server.httpUrl));
  }
  await sleep(startedAt + lastsMs - performance.now());
  const [after, cpuAfter] = await Promise.all([fetchMetrics(server.httpUrl), server.cpu()]);
  const tookMs = performance.now() - startedAt;
  const grown = (name: string): number | undefined => {
    const [a, b] = [sumOf(before, `sotto_${name}_total`), sumOf(after, `sotto_${name}_total`)];
    return a === undefined || b === undefined ? undefined : b - a;
  };
  const sum = (...names: string[]): number => names.reduce((total, name) => total + (grown(name) ?? 0), 0);
  /** Of several processes: the one that has it worst. */
  const everySecond = (name: string): number[] => scrapes.flatMap((scrape) => largestOf(scrape, name) ?? []);
  const windows = grown('decode_windows');
  const runs = grown('decode_runs');
  const skipped = sum('decode_superseded', 'decode_dropped');
  const early = grown('early_finals');
  return {
    ...coresOf(cpuBefore, cpuAfter, tookMs),
    windowsPerSecond: windows === undefined ? undefined : (windows * 1_000) / tookMs,
    windowsPerRun: windows === undefined || !runs ? undefined : windows / runs,
    partialsSkipped: windows === undefined ? undefined : skipped / Math.max(1, windows + skipped),
    windowsLost: windows === undefined ? undefined : sum('decode_refused', 'decode_failed'),
    earlyFinalsPerSecond: early === undefined ? undefined : (early * 1_000) / tookMs,
    earlyFinalsUsed: !early ? undefined : sum('early_finals_used') / early,
    loopDelayMs: everySecond('sotto_event_loop_delay_p99_seconds').map((seconds) => seconds * 1_000),
    stretch: everySecond('sotto_partial_stretch'),
    waiting: everySecond('sotto_decode_waiting'),
  };
}

type Role = 'engine' | 'sockets' | 'redis' | 'other';

/** What a process is, by what it was started with; the server itself is another one, and the first. */
const OTHERS: readonly (readonly [string, Role])[] = [
  ['engine-child-main', 'engine'],
  ['server-process-main', 'sockets'],
  ['redis-server', 'redis'],
];

function coresOf(
  before: readonly ProcessCpu[] | undefined,
  after: readonly ProcessCpu[] | undefined,
  tookMs: number,
): Pick<
  ServerLoad,
  'cores' | 'engineCores' | 'socketThreadCores' | 'socketThreads' | 'queueThreadCores' | 'redisCores'
> {
  if (before === undefined || after === undefined) {
    return {
      cores: undefined,
      engineCores: undefined,
      socketThreadCores: undefined,
      socketThreads: [],
      queueThreadCores: undefined,
      redisCores: undefined,
    };
  }
  const known = new Map(before.map((one) => [one.pid, one]));
  const used = after.map((one) => ({
    name: OTHERS.find(([part]) => one.commandLine.includes(part))?.[1] ?? 'other',
    cores: (one.cpuMs - (known.get(one.pid)?.cpuMs ?? 0)) / tookMs,
    mainThreadCores: (one.mainThreadCpuMs - (known.get(one.pid)?.mainThreadCpuMs ?? 0)) / tookMs,
  }));
  const total = (parts: typeof used): number => parts.reduce((sum, { cores }) => sum + cores, 0);
  const threadsOf = (name: Role): number[] =>
    used.filter((one) => one.name === name).map(({ mainThreadCores }) => mainThreadCores);
  const [queue, ...sockets] =
    threadsOf('sockets').length === 0 ? [undefined] : [threadsOf('other')[0], ...threadsOf('sockets')];
  return {
    cores: total(used),
    engineCores: total(used.filter(({ name }) => name === 'engine')),
    socketThreadCores: Math.max(0, ...(sockets.length === 0 ? threadsOf('other') : sockets)),
    socketThreads: sockets,
    queueThreadCores: queue,
    redisCores: threadsOf('redis')[0],
  };
}
