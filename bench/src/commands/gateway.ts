// `bench gateway`: what many connections cost the gateway, with all models taken out (the null engine and the null
// VAD).
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { pcmOf, place } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { Crowd, type CrowdReport } from '../load/crowd.js';
import { Probe } from '../load/probe.js';
import { describeProvenance } from '../measure/machine.js';
import { fetchMetrics, sumOf } from '../measure/prometheus.js';
import { distribution, percentile } from '../measure/statistics.js';
import type { TreeUsage } from '../measure/process-tree.js';
import { atMost, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer, type BenchServer } from '../server/bench-server.js';
import { wholeNumber } from './option-values.js';

interface GatewayOptions {
  readonly idle: number;
  readonly senders: number;
  readonly probes: number;
  readonly chunkMs: number;
  readonly seconds: number;
  readonly quietSeconds: number;
  readonly out?: string;
}

const OPEN_AT_ONCE = 50;
const OPEN_TIMEOUT_MS = 20_000;
/** Time for memory and caches to come to rest before a measurement, milliseconds. */
const SETTLE_MS = 3_000;
const PROBE_INTERVAL_MS = 100;
/** Silence between the recordings that senders play, milliseconds. */
const GAP_MS = 1_000;
const MIB = 2 ** 20;

export function registerGatewayCommand(program: Command): void {
  program
    .command('gateway')
    .description('many connections and no models at all: memory, and latency added by the load')
    .option('--idle <count>', 'started sessions that send nothing', wholeNumber(0, 20_000), 2_000)
    .option('--senders <count>', 'sessions that send speech at real-time pace', wholeNumber(0, 5_000), 500)
    .option('--probes <count>', 'sessions that time pings and marks', wholeNumber(1, 100), 10)
    .option('--chunk-ms <ms>', 'audio of one message', wholeNumber(20, 1_000), 100)
    .option('--seconds <s>', 'how long the load is measured', wholeNumber(1, 600), 30)
    .option('--quiet-seconds <s>', 'how long the probes run alone first', wholeNumber(1, 600), 15)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .argument('[flags...]', 'further flags of `sotto serve`, after --')
    .action(runGateway);
}

async function runGateway(flags: string[], options: GatewayOptions): Promise<void> {
  const provenance = describeProvenance();
  const pcm = await speechLoop();
  const connections = options.idle + options.senders + options.probes;
  await using server = await openServer(undefined, [
    '--engine',
    'null',
    '--vad',
    'null',
    '--requests-per-second-max',
    '1000000',
    '--max-connections',
    `${connections + 10}`,
    ...flags,
  ]);
  await sleep(SETTLE_MS);
  const baseline = await server.usage();
  const probeOptions = {
    url: server.streamUrl,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    chunkMs: options.chunkMs,
    pcm,
    intervalMs: PROBE_INTERVAL_MS,
  };
  const probes: Probe[] = [];
  for (let index = 0; index < options.probes; index++) {
    probes.push(await Probe.start(probeOptions));
    await sleep(PROBE_INTERVAL_MS / options.probes); // So that they do not ask in step.
  }
  await sleep(SETTLE_MS);
  const quiet = await observe(server, probes, options.quietSeconds * 1_000);

  const crowd = new Crowd({
    url: server.streamUrl,
    openAtOnce: OPEN_AT_ONCE,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    chunkMs: options.chunkMs,
    pcm,
  });
  try {
    await crowd.gatherIdle(options.idle);
    await sleep(SETTLE_MS);
    const withIdle = await server.usage();
    await crowd.gatherSenders(options.senders);
    crowd.send();
    await sleep(SETTLE_MS);
    const loaded = await observe(server, probes, options.seconds * 1_000);
    const report = crowd.report();
    await publish(
      {
        schema: 1,
        bench: 'gateway',
        provenance,
        settings: { ...settingsOf(options), flags: flags.join(' ') },
        metrics: [
          ...memoryMetrics(options, baseline, withIdle, loaded.usage),
          ...latencyMetrics(quiet, loaded),
          ...clientMetrics(report, loaded),
        ],
        remarks: [
          `What the client met besides answers: ${[...report.troubles].map(([what, count]) => `${what} x ${count}`).join(', ') || 'nothing'}.`,
        ],
      },
      options.out,
    );
  } finally {
    probes.forEach((probe) => probe.stop());
    crowd.leave();
  }
}

interface Observation {
  readonly pings: readonly number[];
  readonly marks: readonly number[];
  readonly overdue: number;
  readonly usage: TreeUsage | undefined;
  /** CPU time of the server and of this client, as shares of one core. */
  readonly serverCores: number;
  readonly clientCores: number;
  /** Event-loop delay of this client, p95, milliseconds. */
  readonly clientLoopDelayMs: number;
  /** Event-loop delay of the server, p99, milliseconds, as it tells itself. */
  readonly serverLoopDelayMs: number | undefined;
}

/** Resolution of the event-loop histogram; it is part of every recorded delay (perf_hooks), so it is taken off. */
const LOOP_RESOLUTION_MS = 5;

async function observe(server: BenchServer, probes: readonly Probe[], forMs: number): Promise<Observation> {
  probes.forEach((probe) => probe.take());
  await fetchMetrics(server.httpUrl); // A scrape resets the server's event-loop histogram.
  const before = await server.usage();
  const ownBefore = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  const startedAt = performance.now();
  await sleep(forMs);
  delay.disable();
  const tookMs = performance.now() - startedAt;
  const own = process.cpuUsage(ownBefore);
  const usage = await server.usage();
  const loopDelay = sumOf(await fetchMetrics(server.httpUrl), 'sotto_event_loop_delay_p99_seconds');
  const answers = probes.map((probe) => probe.take());
  return {
    pings: answers.flatMap(({ pings }) => pings),
    marks: answers.flatMap(({ marks }) => marks),
    overdue: answers.reduce((sum, { overdue }) => sum + overdue, 0),
    usage,
    serverCores: ((usage?.cpuMs ?? 0) - (before?.cpuMs ?? 0)) / tookMs,
    clientCores: (own.user + own.system) / 1_000 / tookMs,
    clientLoopDelayMs: Math.max(0, delay.percentile(95) / 1e6 - LOOP_RESOLUTION_MS),
    serverLoopDelayMs: loopDelay === undefined ? undefined : loopDelay * 1_000,
  };
}

function memoryMetrics(
  options: GatewayOptions,
  baseline: TreeUsage | undefined,
  withIdle: TreeUsage | undefined,
  loaded: TreeUsage | undefined,
): Metric[] {
  if (baseline === undefined || withIdle === undefined || loaded === undefined) return [];
  const processes = loaded.processes
    .map(({ command, rssBytes }) => `${command} ${Math.round(rssBytes / MIB)}`)
    .join(', ');
  return [
    scalarMetric('memoryBaseline', 'MiB', baseline.rssBytes / MIB, {
      note: 'resident memory of all processes of the server, nobody connected',
    }),
    scalarMetric('memoryWithIdle', 'MiB', withIdle.rssBytes / MIB),
    scalarMetric('memoryLoaded', 'MiB', loaded.rssBytes / MIB, {
      note: `by process, MiB: ${processes}`,
      target: atMost('value', 1_024),
    }),
    scalarMetric('memoryLoadedProportional', 'MiB', loaded.pssBytes / MIB, { note: 'shared pages counted once' }),
    scalarMetric(
      'memoryPerIdleConnection',
      'KiB',
      (withIdle.rssBytes - baseline.rssBytes) / 1_024 / Math.max(1, options.idle),
    ),
    scalarMetric(
      'memoryPerSender',
      'KiB',
      (loaded.rssBytes - withIdle.rssBytes) / 1_024 / Math.max(1, options.senders),
    ),
  ];
}

function latencyMetrics(quiet: Observation, loaded: Observation): Metric[] {
  const added = (key: 'pings' | 'marks'): number =>
    quiet[key].length === 0 || loaded[key].length === 0 ? Number.MAX_VALUE : p95(loaded[key]) - p95(quiet[key]);
  return [
    distributionMetric('pingQuiet', 'ms', distribution(quiet.pings), {
      note: 'round trip of a ping message, probes alone',
    }),
    distributionMetric('pingLoaded', 'ms', distribution(loaded.pings)),
    scalarMetric('pingAdded', 'ms', added('pings'), { note: 'p95 loaded - p95 quiet', target: atMost('value', 20) }),
    distributionMetric('markQuiet', 'ms', distribution(quiet.marks), {
      note: 'mark echo: all earlier audio taken in, up to the (null) VAD and its answers; probes alone',
    }),
    distributionMetric('markLoaded', 'ms', distribution(loaded.marks)),
    scalarMetric('markAdded', 'ms', added('marks'), { note: 'p95 loaded - p95 quiet', target: atMost('value', 20) }),
    scalarMetric('answersOverdue', 'answers', loaded.overdue + quiet.overdue, {
      note: 'pings and marks unanswered after 10 s',
    }),
    scalarMetric('serverCores', 'cores', loaded.serverCores),
    ...(loaded.serverLoopDelayMs === undefined
      ? []
      : [
          scalarMetric('serverLoopDelayP99', 'ms', loaded.serverLoopDelayMs, {
            note: "event-loop delay of the socket's process",
          }),
        ]),
  ];
}

function clientMetrics(report: CrowdReport, loaded: Observation): Metric[] {
  return [
    scalarMetric('clientCores', 'cores', loaded.clientCores, {
      better: 'neither',
      note: 'the load client shares the machine',
    }),
    scalarMetric('clientLoopDelayP95', 'ms', loaded.clientLoopDelayMs, {
      better: 'neither',
      note: 'part of every round trip above',
    }),
    distributionMetric('clientSendDelay', 'ms', distribution(report.sendDelaysMs), { better: 'neither' }),
    scalarMetric('chunksSent', 'chunks', report.chunksSent, { better: 'neither' }),
    scalarMetric(
      'connectionsTroubled',
      'connections',
      [...report.troubles.values()].reduce((sum, count) => sum + count, 0),
      { target: atMost('value', 0) },
    ),
  ];
}

const p95 = (values: readonly number[]): number => percentile(Array.from(Float64Array.from(values).sort()), 0.95);

const settingsOf = ({
  idle,
  senders,
  probes,
  chunkMs,
  seconds,
  quietSeconds,
}: GatewayOptions): Record<string, number> => ({
  idle,
  senders,
  probes,
  chunkMs,
  seconds,
  quietSeconds,
});

/** The committed English clips in a row, as PCM. */
async function speechLoop(): Promise<Uint8Array> {
  const playlist = place(await loadAudio(await readRecordings(fixturesFolder, ['en'])), GAP_MS);
  return pcmOf(playlist, 0, playlist.totalSamples);
}
