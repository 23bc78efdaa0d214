// `bench policy`: the stability policies against each other, on the same recordings in one run.
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists } from '../audio/playlist.js';
import { readRecordings } from '../audio/recordings.js';
import { describeProvenance } from '../measure/machine.js';
import { choosePolicy, type PolicyFigures } from '../policy/choose-policy.js';
import { statisticOf, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer } from '../server/bench-server.js';
import { errorRateMetrics } from '../stream/error-rate-metrics.js';
import { hypothesesOfStreams } from '../stream/hypotheses.js';
import { runStreams } from '../stream/run-streams.js';
import { streamMetrics, type ObservedStream } from '../stream/stream-metrics.js';
import { commaList, wholeNumber } from './option-values.js';
import { withPlayOptions, type PlaySettings } from './play-options.js';

interface PolicyOptions extends PlaySettings {
  readonly connections: number;
  readonly policies: readonly string[];
}

/** The figures by which policies differ; the others are the stream bench's. */
const COMPARED = new Set([
  'firstPartialLatency',
  'wordLatency',
  'wordLatencyTrueEnds',
  'finalLatency',
  'revisionsPerWord',
  'stableWordsCorrected',
  'streamingErrorRate',
  'eventsLost',
]);

export function registerPolicyCommand(program: Command): void {
  withPlayOptions(program.command('policy'))
    .description('the stability policies on latency and word error rate, the same recordings for each')
    .option('--policies <list>', 'values of the server setting `stability`', commaList, [
      'align-att',
      'local-agreement',
      'both',
    ])
    .option('--connections <count>', 'streams at the same time', wholeNumber(1, 1_000), 2)
    .argument('[flags...]', 'further flags of `sotto serve`, after --')
    .action(runPolicy);
}

async function runPolicy(flags: string[], options: PolicyOptions): Promise<void> {
  const provenance = describeProvenance();
  const found = await readRecordings(options.recordings, [options.language]);
  const recordings = await loadAudio(found.slice(0, options.limit));
  const observed = new Map<string, ObservedStream[]>(options.policies.map((policy) => [policy, []]));
  for (let round = 0; round < options.rounds; round++) {
    // The order turns round by round, so that drift of the machine falls on all alike.
    const order = round % 2 === 0 ? options.policies : options.policies.toReversed();
    const playlists = dealPlaylists(recordings, { ...options, rounds: 1, seed: options.seed + round });
    for (const policy of order) {
      await using server = await openServer(undefined, ['--stability', policy, ...flags]);
      const { streams } = await runStreams(server, { ...options, playlists });
      observed.get(policy)?.push(...streams);
    }
  }
  const byPolicy = [...observed].map(([policy, streams]) => ({
    policy,
    metrics: [...streamMetrics(streams, options.pace), ...errorRateMetrics('streaming', hypothesesOfStreams(streams))],
  }));
  const { winner, reason } = choosePolicy(byPolicy.map(({ policy, metrics }) => figuresOf(policy, metrics)));
  await publish(
    {
      schema: 1,
      bench: 'policy',
      provenance,
      settings: {
        policies: options.policies.join(','),
        recordings: recordings.length,
        language: options.language,
        connections: options.connections,
        rounds: options.rounds,
        pace: options.pace,
        flags: flags.join(' '),
      },
      metrics: byPolicy.flatMap(({ policy, metrics }) =>
        metrics
          .filter(({ name }) => COMPARED.has(name))
          .map((metric) => ({ ...metric, name: `${policy}.${metric.name}` })),
      ),
      remarks: [`Winner: ${winner}. ${reason}.`],
    },
    options.out,
  );
}

function figuresOf(policy: string, metrics: readonly Metric[]): PolicyFigures {
  const read = (name: string, statistic: 'p50' | 'value'): number => {
    const metric = metrics.find((one) => one.name === name);
    return (metric === undefined ? undefined : statisticOf(metric, statistic)) ?? Number.MAX_VALUE;
  };
  return {
    policy,
    wordLatencyMs: read('wordLatency', 'p50'),
    errorRate: read('streamingErrorRate', 'value'),
    corrected: read('stableWordsCorrected', 'value'),
  };
}
