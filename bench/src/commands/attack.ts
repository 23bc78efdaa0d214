// `bench attack`: what attacks cost honest streams, against a quiet run of the same server.
import type { Command } from 'commander';
import { ATTACKS, type Attack } from '../attack/attacks.js';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists } from '../audio/playlist.js';
import { readRecordings } from '../audio/recordings.js';
import { BenchError } from '../bench-error.js';
import { describeProvenance } from '../measure/machine.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer, type BenchServer } from '../server/bench-server.js';
import { runStreams } from '../stream/run-streams.js';
import { streamMetrics, type ObservedStream } from '../stream/stream-metrics.js';
import { wordsIn, wordsLost } from '../stream/words-lost.js';
import { wholeNumber } from './option-values.js';
import { sessionSettings, withPlayOptions, type PlaySettings } from './play-options.js';

interface AttackOptions extends PlaySettings {
  readonly connections: number;
  readonly only?: string;
}

/** p95 of finals under attack, as a multiple of the quiet one. */
const LATENCY_RATIO_MAX = 1.5;

export function registerAttackCommand(program: Command): void {
  withPlayOptions(program.command('attack'))
    .description('attacks beside live streams: words lost, and p95 of finals against a quiet run')
    .option('--connections <count>', 'honest streams at the same time', wholeNumber(1, 100), 2)
    .option('--only <text>', 'only attacks whose name holds this')
    .argument('[flags...]', 'flags of `sotto serve`, after --')
    .action(runAttacks);
}

async function runAttacks(flags: string[], options: AttackOptions): Promise<void> {
  const provenance = describeProvenance();
  const { only = '' } = options;
  const attacks = ATTACKS.filter(({ name }) => name.includes(only));
  if (attacks.length === 0) {
    throw new BenchError('usage', `There is no attack "${only}": ${ATTACKS.map(({ name }) => name).join(', ')}.`);
  }
  const found = await readRecordings(options.recordings, [options.language]);
  const recordings = await loadAudio(found.slice(0, options.limit));
  const playlists = dealPlaylists(recordings, options);
  await using server = await openServer(undefined, flags);
  const play = async (): Promise<Run> => observed((await runStreams(server, { ...options, playlists })).streams);
  // The first run warms caches and the allocator.
  await play();
  const quiet = await play();
  const metrics: Metric[] = [scalarMetric('quiet.finalLatencyP95', 'ms', quiet.finalP95)];
  for (const attack of attacks) metrics.push(...metricsOf(attack.name, quiet, await beside(attack, server, play)));
  await publish(
    {
      schema: 1,
      bench: 'attack',
      provenance,
      settings: {
        flags: flags.join(' '),
        connections: options.connections,
        recordings: recordings.length,
        ...sessionSettings(options),
      },
      metrics,
      remarks: [],
    },
    options.out,
  );
}

interface Run {
  readonly words: readonly string[][];
  readonly finalP95: number;
}

async function beside(attack: Attack, server: BenchServer, play: () => Promise<Run>): Promise<Run> {
  const over = new AbortController();
  const attacking = attack.run(new URL(server.httpUrl), over.signal);
  try {
    return await play();
  } finally {
    over.abort();
    await attacking;
  }
}

function observed(streams: readonly ObservedStream[]): Run {
  const latency = streamMetrics(streams, 1).find(({ name }) => name === 'finalLatency');
  return {
    words: streams.map(({ events }) =>
      events.flatMap(({ event }) => (event.type === 'final' ? wordsIn(event.text) : [])),
    ),
    finalP95: latency?.kind === 'distribution' ? latency.p95 : Number.NaN,
  };
}

function metricsOf(name: string, quiet: Run, run: Run): Metric[] {
  return [
    scalarMetric(`${name}: words lost`, 'words', lostIn(quiet, run), { target: atMost('value', 0) }),
    scalarMetric(`${name}: p95 of finals`, 'x quiet', run.finalP95 / quiet.finalP95, {
      target: atMost('value', LATENCY_RATIO_MAX),
      note: `${Math.round(run.finalP95)} ms`,
    }),
  ];
}

/** How many words of the quiet run are missing, stream by stream. */
function lostIn(quiet: Run, run: Run): number {
  return quiet.words.reduce((sum, wanted, stream) => sum + wordsLost(wanted, run.words[stream] ?? []), 0);
}
