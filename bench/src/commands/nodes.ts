// `bench nodes`: several nodes behind nginx, with one Redis: what is lost when they fail, and what they carry together.
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { describeProvenance } from '../measure/machine.js';
import { distribution, median, type Distribution } from '../measure/statistics.js';
import { runChaos, type ChaosReport } from '../nodes/chaos.js';
import { measureCheckpointWrites } from '../nodes/checkpoint-writes.js';
import { measureCheckpoints, type CheckpointRound } from '../nodes/checkpoint-cost.js';
import { perCore, runCarry, type CarryRound } from '../nodes/carry.js';
import type { ClusterUsage } from '../nodes/cluster-usage.js';
import { Cluster } from '../nodes/cluster.js';
import { measureDrain } from '../nodes/drain.js';
import { speechToMark, type SpeechToMark } from '../nodes/marked-speech.js';
import { atLeast, atMost, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberWithin, wholeNumber } from './option-values.js';

interface ChaosCommandOptions {
  readonly nodes: number;
  readonly streams: number;
  readonly pace: number;
  readonly cuts: number;
  readonly kills: number;
  readonly minutes: number;
  readonly seed: number;
  readonly out?: string;
}

/** Silence around each clip, milliseconds. */
const GAP_MS = 1_000;
/** A stream of about half a minute. */
const CLIPS = ['en-bakery', 'en-recipe', 'en-numbers-invoice', 'en-bakery', 'en-recipe'];

export function registerNodesCommand(program: Command): void {
  const nodes = program.command('nodes').description('several nodes on this machine, behind nginx, with one Redis');
  nodes
    .command('chaos')
    .description('sockets are cut and nodes killed under live streams: each word must come once')
    .option('--nodes <count>', 'nodes', wholeNumber(2, 16), 3)
    .option('--streams <count>', 'live streams at a time', wholeNumber(1, 1_000), 30)
    .option('--pace <factor>', 'against the pace of a speaker', numberWithin(0.1, 20), 1)
    .option('--cuts <count>', 'sockets that are cut', wholeNumber(0, 1_000_000), 500)
    .option('--kills <count>', 'nodes that are killed', wholeNumber(0, 1_000_000), 50)
    .option('--minutes <minutes>', 'nothing is cut or killed after this time', numberWithin(0.1, 10_000), 60)
    .option('--seed <number>', 'of cuts and kills', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--out <file>', 'where the result goes, as JSON')
    .argument('[flags...]', 'flags of `sotto serve`, after --')
    .action(chaos);
  withLoad(nodes.command('carry').description('what several nodes carry against one, by processor time'), 40)
    .option('--nodes <count>', 'nodes', wholeNumber(2, 16), 3)
    .option('--rounds <count>', 'of one node and of several, in turns', wholeNumber(1, 100), 2)
    .action(carry);
  withLoad(nodes.command('checkpoints').description('what checkpoints cost: with and without, in turns'), 100)
    .option('--rounds <count>', 'with and without each', wholeNumber(1, 100), 4)
    .action(checkpoints);
  withLoad(nodes.command('drain').description('a node with live streams is asked to end'), 400)
    .option('--pace <factor>', 'against the pace of a speaker, for machines with few cores', numberWithin(0.05, 4), 1)
    .action(drain);
}

/** @param streams at a time, of each node */
function withLoad(command: Command, streams: number): Command {
  return command
    .option('--streams <count>', 'live streams at a time, at each node', wholeNumber(1, 10_000), streams)
    .option('--ramp-s <seconds>', 'time over which they begin', numberWithin(0, 600), 10)
    .option('--out <file>', 'where the result goes, as JSON')
    .argument('[flags...]', 'flags of `sotto serve`, after --');
}

interface LoadOptions {
  readonly streams: number;
  readonly rampS: number;
  readonly out?: string;
}

const none = { target: atMost('value', 0) };
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function chaos(flags: string[], options: ChaosCommandOptions): Promise<void> {
  const { out, ...settings } = options;
  const provenance = describeProvenance();
  const speech = await markableSpeech();
  await using cluster = await Cluster.start({ nodes: options.nodes, flags: ['--engine', 'marked', ...flags] });
  const timeMsMax = options.minutes * 60_000;
  const report = await runChaos(cluster, { ...options, timeMsMax, speech, say });
  await publish(
    {
      schema: 1,
      bench: 'nodes chaos',
      provenance,
      settings: { flags: flags.join(' '), ...settings },
      metrics: metricsOf(report),
      remarks: [...report.faults],
    },
    out,
  );
}

/** Nodes that were three times as many carry at least so much more. */
const CARRY_TARGET = 2.8 / 3;

async function carry(
  flags: string[],
  { out, ...options }: LoadOptions & { nodes: number; rounds: number },
): Promise<void> {
  const provenance = describeProvenance();
  const { nodes, streams, rounds, rampS } = options;
  const speech = await markableSpeech();
  const { one, many } = await runCarry({ speech, nodes, streams, rounds, rampMs: rampS * 1_000, flags, say });
  const all = [...one, ...many];
  const total = (pick: (round: CarryRound) => number): number => all.reduce((sum, round) => sum + pick(round), 0);
  const [alone, together] = [median(one.map(perCore)), median(many.map(perCore))];
  /** Of 1,000 streams, per second of their audio. */
  const perThousand = (pick: (usage: ClusterUsage) => number): number =>
    median(many.map(({ usage, fleet }) => (1_000_000 * pick(usage)) / fleet.audioMs));
  const neither = { better: 'neither' } as const;
  const metrics = [
    scalarMetric('streamsPerCore, one node', 'streams', alone, { better: 'higher' }),
    scalarMetric(`streamsPerCore, ${nodes} nodes`, 'streams', together, { better: 'higher' }),
    scalarMetric('carries', 'x', (nodes * together) / alone, {
      better: 'higher',
      target: atLeast('value', nodes * CARRY_TARGET),
      note: 'what they carry with a core each, against one node with a core: audio over processor time of the nodes',
    }),
    counted(
      'words',
      total(({ fleet }) => fleet.words),
    ),
    scalarMetric(
      'wordsLost',
      'words',
      total(({ fleet }) => fleet.lost),
      none,
    ),
    scalarMetric(
      'wordsDoubled',
      'words',
      total(({ fleet }) => fleet.doubled),
      none,
    ),
    scalarMetric(
      'redisCommands, 1,000 streams',
      '1/s',
      perThousand(({ redisCommands }) => redisCommands),
      neither,
    ),
    scalarMetric('redisIn, 1,000 streams', 'kB/s', perThousand(({ redisBytesIn }) => redisBytesIn) / 1_000, neither),
    scalarMetric('redisOut, 1,000 streams', 'kB/s', perThousand(({ redisBytesOut }) => redisBytesOut) / 1_000, neither),
    scalarMetric('redisCores, 1,000 streams', 'cores', perThousand(({ redisCpuMs }) => redisCpuMs) / 1_000, neither),
    scalarMetric('nginxCores, 1,000 streams', 'cores', perThousand(({ nginxCpuMs }) => nginxCpuMs) / 1_000, neither),
    scalarMetric('checkpointBytes', 'B', median(all.map((round) => round.checkpointBytes)), neither),
  ];
  const settings = { flags: flags.join(' '), ...options };
  await publish({ schema: 1, bench: 'nodes carry', provenance, settings, metrics, remarks: [] }, out);
}

/** Cores that checkpoints of 100 streams may take. */
const CHECKPOINT_CORES_MAX = 0.02;

function writesOf(rounds: readonly CheckpointRound[]): number {
  return median(rounds.map(({ writesHz }) => writesHz));
}

function delaysOf(rounds: readonly CheckpointRound[]): Distribution {
  return distribution(rounds.flatMap(({ finalDelaysMs }) => finalDelaysMs));
}

async function checkpoints(flags: string[], { out, ...options }: LoadOptions & { rounds: number }): Promise<void> {
  const provenance = describeProvenance();
  const { streams, rounds, rampS } = options;
  const speech = await markableSpeech();
  const rounded = await measureCheckpoints({ speech, streams, rounds, rampMs: rampS * 1_000, flags });
  const without = median(rounded.without.map(({ cores }) => cores));
  const write = await measureCheckpointWrites();
  const checkpointsHz = writesOf(rounded.with) - writesOf(rounded.without);
  const differences = rounded.with.map(({ cores }, round) => cores - (rounded.without[round]?.cores ?? 0));
  const metrics = [
    scalarMetric('cores, 100 streams without', 'cores', without),
    scalarMetric('cores, 100 streams with', 'cores', median(rounded.with.map(({ cores }) => cores))),
    counted('checkpoints a second, 100 streams', checkpointsHz),
    scalarMetric('processor time of one, alone', 'us', write.microseconds, { note: `${write.writes} were written` }),
    scalarMetric('checkpointCores, 100 streams', 'cores', (checkpointsHz * write.microseconds) / 1e6, {
      target: atMost('value', CHECKPOINT_CORES_MAX),
      note: 'so many, so long each: the difference below is smaller than what it varies by',
    }),
    scalarMetric('difference of cores, 100 streams', 'cores', median(differences), {
      better: 'neither',
      note: `median of ${rounds} pairs: ${differences.map((cores) => cores.toFixed(4)).join(', ')}`,
    }),
    scalarMetric('redisCores, 100 streams', 'cores', median(rounded.with.map(({ redisCores }) => redisCores))),
    distributionMetric('finalAfterSpeechEnded, without', 'ms', delaysOf(rounded.without)),
    distributionMetric('finalAfterSpeechEnded, with', 'ms', delaysOf(rounded.with)),
  ];
  const settings = { flags: flags.join(' '), ...options };
  await publish({ schema: 1, bench: 'nodes checkpoints', provenance, settings, metrics, remarks: [] }, out);
}

/** Until a node is empty, milliseconds. */
const EMPTY_MS_MAX = 15_000;

async function drain(flags: string[], { out, ...options }: LoadOptions & { pace: number }): Promise<void> {
  const provenance = describeProvenance();
  const { streams, rampS, pace } = options;
  const report = await measureDrain({ speech: await markableSpeech(), streams, pace, rampMs: rampS * 1_000, flags });
  const metrics = [
    scalarMetric('emptyAfter', 'ms', report.emptyMs, { target: atMost('value', EMPTY_MS_MAX) }),
    counted('moved', report.moved),
    counted('words', report.words),
    scalarMetric('wordsLost', 'words', report.lost, none),
    scalarMetric('wordsDoubled', 'words', report.doubled, none),
    scalarMetric('sessionsBegunAnew', '', report.begunAnew, none),
  ];
  const settings = { flags: flags.join(' '), ...options };
  await publish({ schema: 1, bench: 'nodes drain', provenance, settings, metrics, remarks: [] }, out);
}

/** Of the clips that come with the project. */
export async function markableSpeech(): Promise<SpeechToMark> {
  const recordings = await readRecordings(fixturesFolder, ['en']);
  const clips = await loadAudio(CLIPS.flatMap((clip) => recordings.find(({ id }) => id === clip) ?? []));
  return speechToMark(
    clips.map(({ samples }) => samples),
    GAP_MS,
  );
}

function metricsOf({ told, kept, ...report }: ChaosReport): Metric[] {
  return [
    counted('streams', report.streams),
    counted('cuts', report.cuts),
    counted('kills', report.kills),
    counted('moves', report.moves),
    counted('words', told.words),
    scalarMetric('wordsLost', 'words', told.lost, none),
    scalarMetric('wordsDoubled', 'words', told.doubled, none),
    scalarMetric('transcriptWordsLost', 'words', kept.lost, none),
    scalarMetric('transcriptWordsDoubled', 'words', kept.doubled, none),
    scalarMetric('sessionsBegunAnew', '', report.begunAnew, none),
    scalarMetric('sessionsBegunAgain', '', report.begunAgain, {
      better: 'neither',
      note: 'their node was killed before anything of them was told or written',
    }),
    scalarMetric('faults', '', report.faults.length, none),
  ];
}

function counted(name: string, value: number): Metric {
  return scalarMetric(name, '', value, { better: 'neither' });
}
