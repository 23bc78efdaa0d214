// A server of which one thread is looked at, and a round of load on it.
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { Crowd } from '../load/crowd.js';
import type { ProcessCpu } from '../measure/process-tree.js';
import { fetchMetrics, largestOf, sumOf, type MetricSample } from '../measure/prometheus.js';
import { freePort } from '../server/free-port.js';
import { processesIn, redisFor } from '../server/own-redis.js';
import type { Redis } from '../server/redis.js';
import { SpawnedServer } from '../server/spawned-server.js';
import { Inspector, type CpuProfile } from './cpu-profile.js';

export interface ThreadLoad {
  /** Of each process that has sockets. */
  readonly streams: number;
  readonly chunkMs: number;
  readonly burst: boolean;
  readonly partialIntervalMs: number;
  readonly minSilenceMs: number;
  readonly seconds: number;
  readonly settleS: number;
  readonly pcm: Uint8Array;
}

/** Of one stream in a second, but for the last three. */
export interface ThreadCost {
  /** Processor time of the thread that has its socket, milliseconds. */
  readonly threadMs: number;
  /** The same of the thread that has the queue, where that is another one. */
  readonly queueMs: number;
  /** The same of all other threads of these processes. */
  readonly otherThreadsMs: number;
  /** Streams at which the first of these threads has no time left, by what they take here. */
  readonly streamsUntilFull: number;
  readonly answers: number;
  readonly windows: number;
  readonly windowsPerRun: number;
  /** Event-loop delay, the 99th percentile, milliseconds. */
  readonly loopDelayMs: number;
}

const READY_TIMEOUT_MS = 120_000;
const OPEN_AT_ONCE = 20;
const OPEN_TIMEOUT_MS = 20_000;
const FLAGS =
  '--engine scripted --polish off --stability align-att --holdback-ms 200 --requests-per-second-max 1000000 --max-connections 10000'.split(
    ' ',
  );

export class ThreadServer implements AsyncDisposable {
  readonly checkout: string;
  /** Processes that hold sockets. */
  readonly processes: number;
  readonly #server: SpawnedServer;
  readonly #redis: Redis | undefined;
  readonly #inspectPort: number;

  private constructor(
    checkout: string,
    processes: number,
    server: SpawnedServer,
    redis: Redis | undefined,
    inspectPort: number,
  ) {
    this.checkout = checkout;
    this.processes = processes;
    this.#redis = redis;
    this.#server = server;
    this.#inspectPort = inspectPort;
  }

  /** Starts the build of a checkout. */
  static async start(checkout: string, flags: readonly string[]): Promise<ThreadServer> {
    const inspectPort = await freePort();
    const redis = await redisFor(flags);
    const server = await SpawnedServer.start({
      checkout,
      flags: [...FLAGS, ...flags, ...(redis?.flags ?? [])],
      readyTimeoutMs: READY_TIMEOUT_MS,
      env: { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --inspect-port=${inspectPort}` },
    });
    return new ThreadServer(checkout, processesIn(flags), server, redis, inspectPort);
  }

  get streamUrl(): string {
    return this.#server.streamUrl;
  }

  metrics(): Promise<MetricSample[]> {
    return fetchMetrics(this.#server.httpUrl);
  }

  /** Of the processes that have sockets, and of the one that has the queue, where that is another one. */
  async cpu(): Promise<{ readonly sockets: readonly ProcessCpu[]; readonly queue: ProcessCpu | undefined }> {
    const processes = (await this.#server.cpu()) ?? [];
    const own = processes.find(({ pid }) => pid === this.#server.pid);
    if (own === undefined) throw new BenchError('usage', 'The time of a thread is told by Linux alone.');
    const sockets = processes.filter(({ commandLine }) => commandLine.includes('server-process-main'));
    return sockets.length === 0 ? { sockets: [own], queue: undefined } : { sockets, queue: own };
  }

  /** Of the first process that has sockets, or of the one that has the queue. */
  async inspect(thread: 'sockets' | 'queue'): Promise<Inspector> {
    const { sockets, queue } = await this.cpu();
    return Inspector.open((thread === 'sockets' ? sockets[0] : queue)?.pid ?? this.#server.pid, this.#inspectPort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await this.#redis?.kill();
  }
}

/** One round. @throws BenchError `server_failed` when the server turned a stream away or closed it */
export async function measureThread(
  server: ThreadServer,
  load: ThreadLoad,
  profiled?: 'sockets' | 'queue',
): Promise<{ readonly cost: ThreadCost; readonly profile?: CpuProfile }> {
  const { chunkMs, burst, partialIntervalMs, minSilenceMs, seconds, settleS, pcm } = load;
  const streams = load.streams * server.processes;
  const crowd = new Crowd({
    url: server.streamUrl,
    openAtOnce: OPEN_AT_ONCE,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    chunkMs,
    pcm,
    isBurst: burst,
    start: { words: true, partialIntervalMs, endpointing: { minSilenceMs } },
  });
  try {
    await crowd.gatherSenders(streams);
    crowd.send();
    await sleep(settleS * 1_000);
    if (profiled !== undefined) {
      using inspector = await server.inspect(profiled);
      return { cost: NOTHING, profile: await inspector.profile(seconds * 1_000) };
    }
    const before = await server.metrics();
    const cpuBefore = await server.cpu();
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    const cpu = await server.cpu();
    const tookMs = performance.now() - startedAt;
    const streamSeconds = (streams * tookMs) / 1_000;
    const after = await server.metrics();
    const { troubles } = crowd.report();
    if (troubles.size > 0) {
      const met = [...troubles].map(([what, count]) => `${what} x ${count}`).join(', ');
      throw new BenchError('server_failed', `Streams were troubled: ${met}.`);
    }
    const grown = (name: string): number =>
      (sumOf(after, `sotto_${name}_total`) ?? 0) - (sumOf(before, `sotto_${name}_total`) ?? 0);
    const threads = cpu.sockets.map((one) => spent(cpuBefore.sockets, one));
    const queue = cpu.queue && spent(cpuBefore.queue === undefined ? [] : [cpuBefore.queue], cpu.queue);
    const all = [...threads, ...(queue === undefined ? [] : [queue])];
    const sum = (parts: typeof all, of: (part: Spent) => number): number =>
      parts.reduce((total, part) => total + of(part), 0);
    return {
      cost: {
        threadMs: sum(threads, ({ threadMs }) => threadMs) / streamSeconds,
        queueMs: (queue?.threadMs ?? 0) / streamSeconds,
        otherThreadsMs: sum(all, ({ othersMs }) => othersMs) / streamSeconds,
        streamsUntilFull: (streams * tookMs) / Math.max(...all.map(({ threadMs }) => threadMs)),
        answers: grown('messages_sent') / streamSeconds,
        windows: grown('decode_windows') / streamSeconds,
        windowsPerRun: grown('decode_windows') / Math.max(1, grown('decode_runs')),
        loopDelayMs: (largestOf(after, 'sotto_event_loop_delay_p99_seconds') ?? 0) * 1_000,
      },
    };
  } finally {
    crowd.leave();
  }
}

interface Spent {
  readonly threadMs: number;
  readonly othersMs: number;
}

/** Processor time of a process since then. */
function spent(before: readonly ProcessCpu[], now: ProcessCpu): Spent {
  const then = before.find(({ pid }) => pid === now.pid);
  const threadMs = now.mainThreadCpuMs - (then?.mainThreadCpuMs ?? 0);
  return { threadMs, othersMs: now.cpuMs - (then?.cpuMs ?? 0) - threadMs };
}

const NOTHING: ThreadCost = {
  threadMs: 0,
  queueMs: 0,
  streamsUntilFull: 0,
  otherThreadsMs: 0,
  answers: 0,
  windows: 0,
  windowsPerRun: 0,
  loopDelayMs: 0,
};
