// A server of which one thread is looked at, and a round of load on it.
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { Crowd } from '../load/crowd.js';
import type { ProcessCpu } from '../measure/process-tree.js';
import { fetchMetrics, sumOf, type MetricSample } from '../measure/prometheus.js';
import { freePort } from '../server/free-port.js';
import { SpawnedServer } from '../server/spawned-server.js';
import { Inspector, type CpuProfile } from './cpu-profile.js';

export interface ThreadLoad {
  readonly streams: number;
  readonly chunkMs: number;
  readonly burst: boolean;
  readonly partialIntervalMs: number;
  readonly minSilenceMs: number;
  readonly seconds: number;
  readonly settleS: number;
  readonly pcm: Uint8Array;
}

/** Of one stream in a second, but for the last two. */
export interface ThreadCost {
  /** Processor time of the thread, milliseconds. */
  readonly threadMs: number;
  /** The same of its process's other threads. */
  readonly otherThreadsMs: number;
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
  readonly #server: SpawnedServer;
  readonly #inspectPort: number;

  private constructor(checkout: string, server: SpawnedServer, inspectPort: number) {
    this.checkout = checkout;
    this.#server = server;
    this.#inspectPort = inspectPort;
  }

  /** Starts the build of a checkout. */
  static async start(checkout: string, flags: readonly string[]): Promise<ThreadServer> {
    const inspectPort = await freePort();
    const server = await SpawnedServer.start({
      checkout,
      flags: [...FLAGS, ...flags],
      readyTimeoutMs: READY_TIMEOUT_MS,
      env: { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --inspect-port=${inspectPort}` },
    });
    return new ThreadServer(checkout, server, inspectPort);
  }

  get streamUrl(): string {
    return this.#server.streamUrl;
  }

  metrics(): Promise<MetricSample[]> {
    return fetchMetrics(this.#server.httpUrl);
  }

  async cpu(): Promise<ProcessCpu> {
    const processes = (await this.#server.cpu()) ?? [];
    const own = processes.find(({ pid }) => pid === this.#server.pid);
    if (own === undefined) throw new BenchError('usage', 'The time of a thread is told by Linux alone.');
    return own;
  }

  inspect(): Promise<Inspector> {
    return Inspector.open(this.#server.pid, this.#inspectPort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

/** One round. @throws BenchError `server_failed` when the server turned a stream away or closed it */
export async function measureThread(
  server: ThreadServer,
  load: ThreadLoad,
  isProfiled = false,
): Promise<{ readonly cost: ThreadCost; readonly profile?: CpuProfile }> {
  const { streams, chunkMs, burst, partialIntervalMs, minSilenceMs, seconds, settleS, pcm } = load;
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
    if (isProfiled) {
      using inspector = await server.inspect();
      return { cost: NOTHING, profile: await inspector.profile(seconds * 1_000) };
    }
    const before = await server.metrics();
    const cpuBefore = await server.cpu();
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    const cpu = await server.cpu();
    const streamSeconds = (streams * (performance.now() - startedAt)) / 1_000;
    const after = await server.metrics();
    const { troubles } = crowd.report();
    if (troubles.size > 0) {
      const met = [...troubles].map(([what, count]) => `${what} x ${count}`).join(', ');
      throw new BenchError('server_failed', `Streams were troubled: ${met}.`);
    }
    const grown = (name: string): number =>
      (sumOf(after, `sotto_${name}_total`) ?? 0) - (sumOf(before, `sotto_${name}_total`) ?? 0);
    const threadMs = cpu.mainThreadCpuMs - cpuBefore.mainThreadCpuMs;
    return {
      cost: {
        threadMs: threadMs / streamSeconds,
        otherThreadsMs: (cpu.cpuMs - cpuBefore.cpuMs - threadMs) / streamSeconds,
        answers: grown('messages_sent') / streamSeconds,
        windows: grown('decode_windows') / streamSeconds,
        windowsPerRun: grown('decode_windows') / Math.max(1, grown('decode_runs')),
        loopDelayMs: (sumOf(after, 'sotto_event_loop_delay_p99_seconds') ?? 0) * 1_000,
      },
    };
  } finally {
    crowd.leave();
  }
}

const NOTHING: ThreadCost = {
  threadMs: 0,
  otherThreadsMs: 0,
  answers: 0,
  windows: 0,
  windowsPerRun: 0,
  loopDelayMs: 0,
};
