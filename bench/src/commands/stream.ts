// `bench stream`: live speech over many connections, as clients see it.
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists } from '../audio/playlist.js';
import { readRecordings } from '../audio/recordings.js';
import { describeProvenance } from '../measure/machine.js';
import { publish } from '../report/result-file.js';
import { writeTranscripts } from '../stream/transcripts-file.js';
import { openServer } from '../server/bench-server.js';
import { hypothesesOfStreams } from '../stream/hypotheses.js';
import { decodeOffline } from '../stream/offline-decode.js';
import { compareErrorRates, errorRateMetrics } from '../stream/error-rate-metrics.js';
import { runStreams } from '../stream/run-streams.js';
import { streamMetrics } from '../stream/stream-metrics.js';
import { serverUrl, wholeNumber } from './option-values.js';
import { sessionSettings, withPlayOptions, type PlaySettings } from './play-options.js';

interface StreamOptions extends PlaySettings {
  readonly server?: URL;
  readonly connections: number;
  readonly compareOffline?: true;
  readonly transcripts?: string;
}

export function registerStreamCommand(program: Command): void {
  withPlayOptions(program.command('stream'))
    .description('live speech over many connections: latency, lag, word error rate, memory')
    .option('--server <url>', 'a server that runs already; without it the bench starts one', serverUrl)
    .option('--connections <count>', 'streams at the same time', wholeNumber(1, 1_000), 4)
    .option(
      '--compare-offline',
      'decodes the same recordings as files with the same model, for the ratio of error rates',
    )
    .option('--transcripts <file.jsonl>', 'writes there what was said and what was recognised in each recording')
    .argument('[flags...]', 'flags of `sotto serve` for the server that the bench starts, after --')
    .action(runStream);
}

async function runStream(flags: string[], options: StreamOptions): Promise<void> {
  const provenance = describeProvenance();
  const found = await readRecordings(options.recordings, [options.language]);
  const recordings = await loadAudio(found.slice(0, options.limit));
  await using server = await openServer(options.server, flags);
  const { streams, serverMetrics } = await runStreams(server, {
    ...options,
    playlists: dealPlaylists(recordings, options),
  });
  const heard = hypothesesOfStreams(streams);
  const offline =
    options.compareOffline === undefined
      ? undefined
      : await decodeOffline(recordings, { flags, language: options.language });
  if (options.transcripts !== undefined) {
    await writeTranscripts(options.transcripts, { streaming: heard, ...(offline === undefined ? {} : { offline }) });
  }
  await publish(
    {
      schema: 1,
      bench: 'stream',
      provenance,
      settings: settingsOf(options, flags, recordings.length),
      metrics: [
        ...streamMetrics(streams, options.pace),
        ...errorRateMetrics('streaming', heard),
        ...(offline === undefined ? [] : compareErrorRates(heard, offline)),
        ...serverMetrics,
      ],
      remarks: [],
    },
    options.out,
  );
}

const settingsOf = (
  options: StreamOptions,
  flags: readonly string[],
  recordings: number,
): Record<string, string | number> => ({
  server:
    options.server === undefined
      ? `started by the bench${flags.length === 0 ? '' : ` with ${flags.join(' ')}`}`
      : 'given',
  recordings,
  connections: options.connections,
  rounds: options.rounds,
  pace: options.pace,
  staggerMs: options.staggerMs,
  ...sessionSettings(options),
});
