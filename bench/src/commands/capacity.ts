// `bench capacity`: the highest number of live streams at which the latencies hold.
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { readRecordings } from '../audio/recordings.js';
import { seededRandom } from '../audio/seeded-random.js';
import { clipsOf, joinUtterances, lengthOf } from '../audio/utterances.js';
import { BenchError } from '../bench-error.js';
import { runStep, type StepOptions } from '../capacity/capacity-step.js';
import { capacityOf, nextConnections } from '../capacity/search-capacity.js';
import { judgeStep, stepLine, type JudgedStep } from '../capacity/step-metrics.js';
import { describeProvenance } from '../measure/machine.js';
import { scalarMetric } from '../report/metric.js';
import { publish, writeResult, type Result } from '../report/result-file.js';
import { openServer } from '../server/bench-server.js';
import { numberList, numberWithin, serverUrl, wholeNumber } from './option-values.js';
import { sessionSettings, withSpeechOptions, type SpeechSettings } from './play-options.js';

interface CapacityOptions extends SpeechSettings {
  readonly server?: URL;
  readonly connections?: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly precision: number;
  readonly seconds: number;
  readonly rampS: number;
  readonly settleS: number;
  readonly wordLatencyMs: number;
  readonly finalLatencyMs: number;
  readonly word: 'stable' | 'shown';
  readonly clients?: number;
  readonly utteranceMs: number;
}

/** Streams of one load client, where the number of clients is not given. */
const STREAMS_PER_CLIENT = 100;
/**
 * How often each clip is used, joined with others each time: enough that streams are unlike each other, few enough for
 * the clients' memory.
 */
const CLIP_ROUNDS = 3;
/** What a session may take behind its last sample, milliseconds: what has not come by then is lost. */
const STOP_TIMEOUT_MS = 10_000;

export function registerCapacityCommand(program: Command): void {
  withSpeechOptions(program.command('capacity'))
    .description('the highest number of live streams for which word and final latency hold')
    .option('--server <url>', 'a server that runs already; without it the bench starts one', serverUrl)
    .option(
      '--connections <list>',
      'tries these numbers of streams; without it they are searched',
      numberList(1, 5_000),
    )
    .option('--from <count>', 'streams of the first step', wholeNumber(1, 5_000), 25)
    .option('--to <count>', 'streams of the largest step', wholeNumber(1, 5_000), 800)
    .option('--precision <percent>', 'by which the answer may be off', percent, 10)
    .option('--seconds <s>', 'time that is measured in each step, when all streams are on', wholeNumber(1, 3_600), 40)
    .option('--ramp-s <s>', 'time over which the streams start, evenly', numberWithin(0, 600), 8)
    .option('--settle-s <s>', 'time between the last start and the first measured moment', numberWithin(0, 600), 5)
    .option('--word-latency-ms <ms>', 'p95 of word latency that holds', wholeNumber(1, 60_000), 1_000)
    .option('--final-latency-ms <ms>', 'p95 of final latency that holds', wholeNumber(1, 60_000), 700)
    .addOption(
      new Option('--word <appearance>', 'which appearance of a word is held against it')
        .choices(['stable', 'shown'])
        .default('stable'),
    )
    .option('--clients <count>', 'processes that play the streams; else one for every hundred', wholeNumber(1, 64))
    .option('--utterance-ms <ms>', 'length that clips are joined to', wholeNumber(500, 28_000), 6_000)
    .argument('[flags...]', 'flags of `sotto serve` for the server that the bench starts, after --')
    .action(runCapacity);
}

async function runCapacity(flags: string[], options: CapacityOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = await loadAudio(await readRecordings(options.recordings, [options.language]));
  const clips = clipsOf(recordings);
  if (clips.length === 0) throw new BenchError('bad_recordings', `There is no speech in ${options.recordings}.`);
  const utterances = joinUtterances(clips, {
    lengthMs: options.utteranceMs,
    rounds: CLIP_ROUNDS,
    random: seededRandom(options.seed),
  });
  await using server = await openServer(options.server, flags);
  const steps: JudgedStep[] = [];
  const result = (): Result => ({
    schema: 1,
    bench: 'capacity',
    provenance,
    settings: {
      ...settingsOf(options, flags),
      meanUtteranceMs: Math.round(lengthOf(utterances) / utterances.length),
    },
    metrics: [
      scalarMetric('capacity', 'streams', capacityOf(steps), { better: 'higher' }),
      ...steps.flatMap(({ connections, metrics }) =>
        metrics.map((metric) => ({ ...metric, name: `${connections} streams: ${metric.name}` })),
      ),
    ],
    remarks: steps.map(
      ({ connections, holds, broken }) => `${connections} streams ${holds ? 'hold' : `break: ${broken.join(', ')}`}.`,
    ),
  });
  for (let next = nextOf(steps, options); next !== undefined; next = nextOf(steps, options)) {
    const measured = await runStep(server, next, { ...stepOptions(next, options), utterances });
    const step = judgeStep(measured, { ...options, wordIs: options.word });
    steps.push(step);
    // A run may be cut off at any time: what has been measured is out.
    process.stdout.write(`${stepLine(step)}\n${JSON.stringify(step, rounded)}\n`);
    await writeResult(result(), options.out);
  }
  await publish(result(), options.out);
}

function nextOf(steps: readonly JudgedStep[], { connections, from, to, precision }: CapacityOptions) {
  return connections === undefined
    ? nextConnections(steps, { from, to, precision: precision / 100 })
    : connections[steps.length];
}

const stepOptions = (
  connections: number,
  { clients, language, chunkMs, partialIntervalMs, minSilenceMs, ...options }: CapacityOptions,
): Omit<StepOptions, 'utterances'> => ({
  play: {
    language,
    chunkMs,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    ...(partialIntervalMs === undefined ? {} : { partialIntervalMs }),
    ...(minSilenceMs === undefined ? {} : { minSilenceMs }),
  },
  gapMs: options.gapMs,
  clients: clients ?? Math.ceil(connections / STREAMS_PER_CLIENT),
  rampMs: options.rampS * 1_000,
  settleMs: options.settleS * 1_000,
  windowMs: options.seconds * 1_000,
  seed: options.seed,
});

const settingsOf = (options: CapacityOptions, flags: readonly string[]): Record<string, string | number> => ({
  server:
    options.server === undefined
      ? `started by the bench${flags.length === 0 ? '' : ` with ${flags.join(' ')}`}`
      : 'given',
  seconds: options.seconds,
  rampS: options.rampS,
  settleS: options.settleS,
  wordLatencyMs: options.wordLatencyMs,
  wordIs: options.word,
  finalLatencyMs: options.finalLatencyMs,
  ...sessionSettings(options),
});

/** Hundredths are enough of a line that people look at. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 100) / 100 : value;

/** `10` or `10%`. */
const percent = (text: string): number => numberWithin(0, 100)(text.replace(/%$/, ''));
