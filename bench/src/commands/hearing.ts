// `bench hearing`: what is heard, whatever the machine: words in noise, loops, quiet speech, live against files, and
// the curve of latency and quality.
import { writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists, shuffled, type LoadedRecording } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { speakerStreams } from '../audio/speaker-streams.js';
import { seededRandom } from '../audio/seeded-random.js';
import { BenchError } from '../bench-error.js';
import { describeProvenance } from '../measure/machine.js';
import { curvePlot } from '../hearing/curve-plot.js';
import { curvePoint, curveSettings, type CurvePoint } from '../hearing/curve.js';
import { endingMetrics, endingSettings } from '../hearing/endings.js';
import { Hearing } from '../hearing/hearing.js';
import { doorsTrial, noiseTrial, partialsTrial, type Trial } from '../hearing/trials.js';
import { halfOf, HALVES, type Half } from '../quality/halves.js';
import { scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { terminalTable } from '../report/table.js';
import { commaList, numberList, numberWithin, wholeNumber } from './option-values.js';

interface HearingCommandOptions {
  readonly model?: string;
  readonly threads?: number;
  readonly recordings: string;
  readonly language?: readonly string[];
  readonly limit?: number;
  readonly seed: number;
  readonly noise?: number;
  readonly partials?: number;
  readonly doors?: true;
  readonly bySpeaker: boolean;
  readonly levels: readonly number[];
  readonly curve?: true;
  readonly holdbacks: readonly number[];
  readonly intervals: readonly number[];
  readonly plot?: string;
  readonly endings?: true;
  readonly silences: readonly number[];
  readonly sentences: readonly number[];
  readonly half?: Half;
  readonly out?: string;
}

/** Audio of the curve, at most: it is played once for each point. */
const LONGEST_SECONDS = 20;

export function registerHearingCommand(program: Command): void {
  program
    .command('hearing')
    .description('what is heard, with no clock in it: noise, loops, quiet speech, live against files, the curve')
    .option('--model <name>', 'an installed model; else the one that a server would take')
    .option('--threads <count>', 'of the engine', wholeNumber(1, 256))
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <list>', 'recordings of these languages only', commaList)
    .option('--limit <count>', 'so many recordings, drawn by --seed', wholeNumber(1, 100_000))
    .option('--seed <number>', 'of noises and of the recordings drawn', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--noise <minutes>', 'sounds without speech: words heard in them', numberWithin(0.1, 600))
    .option('--partials <count>', 'so many utterances live: partials that loop', wholeNumber(1, 100_000))
    .option('--doors', 'word errors live and as files, group by group')
    .option('--by-speaker', 'with --doors: recordings of a speaker in a row, as one stream', false)
    .option('--levels <list>', 'with --doors: at these levels too, dB under full scale (20,57)', numberList(1, 90), [])
    .option('--curve', 'latency and quality of every policy, hold-back and interval')
    .option('--holdbacks <list>', 'of the curve, milliseconds', numberList(0, 5_000), [100, 200, 400, 600, 800])
    .option('--intervals <list>', 'between partials, of the curve, milliseconds', numberList(100, 10_000), [500])
    .option('--plot <file.svg>', 'draws the curve there')
    .option('--endings', 'when utterances end, how many in mid-sentence, and word errors')
    .option('--silences <list>', 'that end an utterance, milliseconds', numberList(96, 10_000), [500])
    .option(
      '--sentences <list>',
      'silences that end a complete sentence, milliseconds; 0: no other',
      numberList(0, 10_000),
      [0],
    )
    .addOption(new Option('--half <half>', 'only recordings of one half, by their ids').choices(HALVES))
    .option('--out <file.json>', 'writes the result there')
    .action(runHearing);
}

async function runHearing(options: HearingCommandOptions): Promise<void> {
  const provenance = describeProvenance();
  const { model, threads, noise, partials, doors, curve, endings, levels, seed } = options;
  const needsRecordings = [partials, doors, curve, endings].some((asked) => asked !== undefined);
  if (noise === undefined && !needsRecordings) {
    throw new BenchError('usage', 'Say what to measure: --noise 60, --partials 1000, --doors, --curve, --endings.');
  }
  const hearing = await Hearing.open({ model, threads });
  const trials: Trial[] = [];
  if (noise !== undefined) trials.push(await noiseTrial(hearing, noise, seed));
  const recordings = needsRecordings ? await drawRecordings(options) : [];
  if (partials !== undefined) trials.push(await partialsTrial(hearing, timesOver(recordings, partials)));
  if (doors) {
    const heard = options.bySpeaker ? speakerStreams(recordings, seed) : recordings;
    trials.push(await doorsTrial(hearing, heard, [undefined, ...levels.map((level) => -level)]));
  }
  if (curve) trials.push(await curveTrial(hearing, recordings, options));
  if (endings) trials.push(await endingsTrial(hearing, recordings, options));
  await hearing.close();
  await publish(
    {
      schema: 1,
      bench: 'hearing',
      provenance,
      settings: {
        model: hearing.modelName,
        recordings: recordings.length,
        languages: [...new Set(recordings.map(({ language }) => language))].join(','),
        seed,
      },
      metrics: trials.flatMap((trial) => trial.metrics),
      remarks: trials.flatMap((trial) => trial.remarks),
    },
    options.out,
  );
}

async function drawRecordings({
  recordings,
  language,
  limit,
  seed,
  half,
}: HearingCommandOptions): Promise<LoadedRecording[]> {
  const all = (await readRecordings(recordings, language)).filter(
    ({ id }) => half === undefined || halfOf(id) === half,
  );
  const found = shuffled(all, seededRandom(seed));
  return loadAudio(found.slice(0, limit));
}

/** The first so many, from the beginning again where there are fewer. */
function timesOver(recordings: readonly LoadedRecording[], count: number): LoadedRecording[] {
  return Array.from({ length: count }, (_, at) => recordings[at % recordings.length]).filter(
    (one) => one !== undefined,
  );
}

async function curveTrial(
  hearing: Hearing,
  recordings: readonly LoadedRecording[],
  { holdbacks, intervals, seed, plot }: HearingCommandOptions,
): Promise<Trial> {
  const short = recordings.filter(({ samples }) => samples.length <= LONGEST_SECONDS * 16_000);
  const language = short[0]?.language ?? 'en';
  const own = short.filter((one) => one.language === language);
  const [playlist] = dealPlaylists(own, { connections: 1, rounds: 1, gapMs: 1_000, seed });
  if (playlist === undefined) throw new BenchError('bad_recordings', 'There is no recording for the curve.');
  const points: CurvePoint[] = [];
  for (const setting of curveSettings(holdbacks, intervals)) {
    points.push(await curvePoint(hearing, playlist, language, setting));
  }
  if (plot !== undefined) {
    await writeFile(plot, curvePlot(points, `${hearing.modelName}, ${own.length} recordings (${language})`));
  }
  return { metrics: points.flatMap(metricsOf), remarks: [] };
}

async function endingsTrial(
  hearing: Hearing,
  recordings: readonly LoadedRecording[],
  { silences, sentences }: HearingCommandOptions,
): Promise<Trial> {
  const metrics: Metric[] = [];
  for (const setting of endingSettings(silences, sentences)) {
    const measured = await endingMetrics(hearing, recordings, setting);
    metrics.push(...measured);
    // As soon as it is known, so that a run may be cut off.
    process.stderr.write(`${terminalTable(measured)}\n`);
  }
  return { metrics, remarks: [] };
}

function metricsOf(point: CurvePoint): Metric[] {
  const { stability, holdbackMs, partialIntervalMs, p50Ms, p95Ms, corrected, revised } = point;
  const name = [stability, ...(holdbackMs === undefined ? [] : [`${holdbackMs} ms`]), `every ${partialIntervalMs} ms`];
  const figure = (what: string, unit: string, value: number): Metric =>
    scalarMetric(`${name.join(', ')}: ${what}`, unit, value);
  return [
    figure('word latency p50', 'ms', p50Ms),
    figure('word latency p95', 'ms', p95Ms),
    figure('stable words corrected', 'share', corrected),
    figure('revisions per word', 'per word', revised),
  ];
}
