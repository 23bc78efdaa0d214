// `bench soak`: minutes of streams, cuts, visits and uploads: nothing lost, memory and file handles flat.
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { describeProvenance } from '../measure/machine.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer } from '../server/bench-server.js';
import { soak, type SoakReport } from '../soak/soak.js';
import { numberWithin, wholeNumber } from './option-values.js';

interface SoakCommandOptions {
  readonly minutes: number;
  readonly connections: number;
  readonly churn: number;
  readonly recordings: string;
  readonly language: string;
  readonly limit: number;
  readonly seed: number;
  readonly out?: string;
}

const MINUTE_MS = 60_000;
const MIB = 2 ** 20;
/** Memory at the end, as a multiple of that in minute two. */
const MEMORY_RATIO_MAX = 1.05;
/** Handles more than in minute two: connections of the moment. */
const HANDLES_MORE_MAX = 10;

export function registerSoakCommand(program: Command): void {
  program
    .command('soak')
    .description('streams that are cut and taken up, clients that come and vanish, uploads: memory and handles flat')
    .option('--minutes <minutes>', 'how long', numberWithin(0.1, 10_000), 10)
    .option('--connections <count>', 'live streams at a time', wholeNumber(1, 100), 2)
    .option('--churn <count>', 'clients at a time that come and go', wholeNumber(0, 1_000), 4)
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'plays the recordings of this language', 'en')
    .option('--limit <count>', 'plays the first recordings only', wholeNumber(1, 1_000), 6)
    .option('--seed <number>', 'of cuts and visits', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--out <file>', 'where the result goes, as JSON')
    .argument('[flags...]', 'flags of `sotto serve`, after --')
    .action(runSoak);
}

async function runSoak(flags: string[], options: SoakCommandOptions): Promise<void> {
  const { minutes, connections, churn, language, seed } = options;
  const provenance = describeProvenance();
  const found = await readRecordings(options.recordings, [language]);
  const recordings = await loadAudio(found.slice(0, options.limit));
  await using server = await openServer(undefined, flags);
  const timeMs = minutes * MINUTE_MS;
  const report = await soak(server, { recordings, language, streams: connections, churn, timeMs, seed });
  await publish(
    {
      schema: 1,
      bench: 'soak',
      provenance,
      settings: { flags: flags.join(' '), minutes, connections, churn, recordings: recordings.length, language, seed },
      metrics: metricsOf(report, timeMs),
      remarks: [...report.faults],
    },
    options.out,
  );
}

function metricsOf({ samples, ...report }: SoakReport, timeMs: number): Metric[] {
  // Of a short run: the second fifth.
  const early = samples.between(Math.min(1.5 * MINUTE_MS, timeMs * 0.2), Math.min(2.5 * MINUTE_MS, timeMs * 0.4));
  const late = samples.between(timeMs - Math.min(MINUTE_MS, timeMs * 0.2), Number.POSITIVE_INFINITY);
  const metrics = [
    counted('streams', report.streams),
    counted('cuts', report.cuts),
    counted('words', report.words),
    scalarMetric('wordsLost', 'words', report.wordsLost, { target: atMost('value', 0) }),
    counted('visits', report.visits),
    counted('uploads', report.uploads),
    scalarMetric('faults', '', report.faults.length, { target: atMost('value', 0) }),
  ];
  if (early === undefined || late === undefined) return metrics;
  return [
    ...metrics,
    scalarMetric('memory', 'x', late.rssBytes / early.rssBytes, {
      target: atMost('value', MEMORY_RATIO_MAX),
      note: `${Math.round(early.rssBytes / MIB)} MiB in minute two, ${Math.round(late.rssBytes / MIB)} MiB in the last, all processes`,
    }),
    scalarMetric('handlesMore', 'handles', late.handles - early.handles, {
      target: atMost('value', HANDLES_MORE_MAX),
      note: `${early.handles} in minute two, ${late.handles} in the last`,
    }),
  ];
}

function counted(name: string, value: number): Metric {
  return scalarMetric(name, '', value, { better: 'neither' });
}
