// `bench thread`: what a live stream costs the one thread that holds sockets, sessions and the queue, with an engine
// that answers as a GPU does and recognises nothing.
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { pcmOf } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { seededRandom } from '../audio/seeded-random.js';
import { clipsOf, joinUtterances, loopPlaylist } from '../audio/utterances.js';
import { describeProvenance, repositoryRoot } from '../measure/machine.js';
import { median } from '../measure/statistics.js';
import { scalarMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { selfTimes, writeProfile } from '../thread/cpu-profile.js';
import { measureThread, ThreadServer, type ThreadCost, type ThreadLoad } from '../thread/thread-server.js';
import { numberList, wholeNumber } from './option-values.js';

interface ThreadOptions extends Omit<ThreadLoad, 'pcm'> {
  readonly against?: string;
  readonly processes?: readonly number[];
  readonly rounds: number;
  readonly recordings: string;
  readonly profile?: string;
  readonly thread: 'sockets' | 'queue';
  readonly out?: string;
}

/** What the streams play in a circle, milliseconds, and how: as `bench capacity` does. */
const LOOP_MS = 120_000;
const UTTERANCE_MS = 6_000;
const GAP_MS = 1_500;
const CLIP_ROUNDS = 3;
const SEED = 1;
/** Functions of a profile that are shown. */
const TOP = 30;

export function registerThreadCommand(program: Command): void {
  program
    .command('thread')
    .description("what a live stream costs the server's one thread (of a build: run `npm run build` first)")
    .option('--against <folder>', 'another checkout with a build, measured in turn with this one')
    .option(
      '--processes <list>',
      'server processes: one server for each number, measured in turn; several need redis-server',
      numberList(1, 64),
    )
    .option('--streams <count>', 'live streams of each process', wholeNumber(1, 5_000), 100)
    .option('--chunk-ms <ms>', 'audio of one message', wholeNumber(10, 5_000), 40)
    .option('--burst', 'messages of all streams come in one moment', false)
    .option('--partial-interval-ms <ms>', 'new audio between two partials', wholeNumber(100, 10_000), 500)
    .option('--min-silence-ms <ms>', 'silence that ends an utterance', wholeNumber(96, 10_000), 400)
    .option('--seconds <s>', 'time that is measured in each round', wholeNumber(1, 600), 20)
    .option('--settle-s <s>', 'time before it', wholeNumber(0, 600), 8)
    .option('--rounds <count>', 'how often each is measured', wholeNumber(1, 100), 3)
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--profile <prefix>', 'samples a thread instead, and writes PREFIX-N.cpuprofile')
    .addOption(
      new Option('--thread <name>', 'which one: of the first process with sockets, or the one of the queue')
        .choices(['sockets', 'queue'])
        .default('sockets'),
    )
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .argument('[flags...]', 'further flags of `sotto serve`, after --')
    .action(runThread);
}

async function runThread(flags: string[], options: ThreadOptions): Promise<void> {
  const servers: ThreadServer[] = [];
  try {
    await startServers(servers, flags, options);
    await measure(servers, flags, options);
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}

/** Each to be measured in turn. */
async function startServers(
  servers: ThreadServer[],
  flags: readonly string[],
  options: Pick<ThreadOptions, 'processes' | 'against'>,
): Promise<void> {
  const start = async (checkout: string, more: readonly string[]): Promise<void> => {
    servers.push(await ThreadServer.start(checkout, [...flags, ...more]));
  };
  for (const count of options.processes ?? [undefined]) {
    await start(repositoryRoot, count === undefined ? [] : ['--processes', `${count}`]);
  }
  if (options.against !== undefined) await start(resolve(options.against), []);
}

async function measure(
  servers: readonly ThreadServer[],
  flags: readonly string[],
  options: ThreadOptions,
): Promise<void> {
  const provenance = describeProvenance();
  const load = { ...options, pcm: await speech(options.recordings) };
  if (options.profile !== undefined) {
    for (const [number, server] of servers.entries()) {
      const { profile } = await measureThread(server, load, options.thread);
      if (profile === undefined) continue;
      await writeProfile(profile, `${options.profile}-${number}.cpuprofile`);
      process.stdout.write(`${nameOf(server)}\n`);
      for (const { where, share } of selfTimes(profile).slice(0, TOP)) {
        process.stdout.write(`  ${(share * 100).toFixed(1).padStart(5)} %  ${where}\n`);
      }
    }
    return;
  }
  const costs: ThreadCost[][] = servers.map(() => []);
  for (let round = 0; round < options.rounds; round++) {
    for (const [number, server] of round % 2 === 0 ? [...servers.entries()] : [...servers.entries()].toReversed()) {
      const { cost } = await measureThread(server, load);
      costs[number]?.push(cost);
      process.stdout.write(`${lineOf(server, cost)}\n`);
      await sleep(1_000);
    }
  }
  await publish(
    {
      schema: 1,
      bench: 'thread',
      provenance,
      settings: { ...settingsOf(options), flags: flags.join(' ') },
      metrics: costs.flatMap((rounds, number) => {
        const server = servers[number];
        const isAgainst = options.against !== undefined && number === servers.length - 1;
        const prefix = isAgainst
          ? 'against: '
          : options.processes === undefined
            ? ''
            : `${server?.processes ?? 1} ${server?.processes === 1 ? 'process' : 'processes'}: `;
        const of = (pick: (cost: ThreadCost) => number): number => median(rounds.map(pick));
        return [
          scalarMetric(
            `${prefix}threadMs`,
            'ms',
            of(({ threadMs }) => threadMs),
            {
              note: `of the thread, for a second of one stream; rounds: ${rounds.map(({ threadMs }) => threadMs.toFixed(3)).join(', ')}`,
            },
          ),
          scalarMetric(
            `${prefix}queueMs`,
            'ms',
            of(({ queueMs }) => queueMs),
            { note: 'of the thread that has the queue, where that is another one' },
          ),
          scalarMetric(
            `${prefix}streamsUntilFull`,
            'streams',
            of(({ streamsUntilFull }) => streamsUntilFull),
            {
              better: 'higher',
              note: `at which the first of these threads has no time left; rounds: ${rounds.map(({ streamsUntilFull }) => streamsUntilFull.toFixed(0)).join(', ')}`,
            },
          ),
          scalarMetric(
            `${prefix}otherThreadsMs`,
            'ms',
            of(({ otherThreadsMs }) => otherThreadsMs),
            {
              note: 'of all other threads of its process: voice activity detection, garbage collection',
            },
          ),
          scalarMetric(
            `${prefix}answers`,
            'messages',
            of(({ answers }) => answers),
            {
              better: 'neither',
              note: 'that a stream got in a second',
            },
          ),
          scalarMetric(
            `${prefix}windows`,
            'windows',
            of(({ windows }) => windows),
            {
              better: 'neither',
              note: 'of a stream in a second',
            },
          ),
          scalarMetric(
            `${prefix}windowsPerRun`,
            'windows',
            of(({ windowsPerRun }) => windowsPerRun),
            {
              better: 'neither',
            },
          ),
          scalarMetric(
            `${prefix}loopDelayP99`,
            'ms',
            of(({ loopDelayMs }) => loopDelayMs),
          ),
        ];
      }),
      remarks: ['All streams of a group say the same at the same time; there are twenty groups.'],
    },
    options.out,
  );
}

const nameOf = ({ checkout, processes }: ThreadServer): string =>
  processes === 1 ? checkout : `${checkout}, ${processes} processes`;

const lineOf = (server: ThreadServer, cost: ThreadCost): string =>
  `${nameOf(server)}: ${Object.entries(cost)
    .map(([name, value]) => `${name} ${(value as number).toFixed(3)}`)
    .join(', ')}`;

const settingsOf = ({ streams, chunkMs, burst, partialIntervalMs, minSilenceMs, seconds, rounds }: ThreadOptions) => ({
  streams,
  chunkMs,
  burst: `${burst}`,
  partialIntervalMs,
  minSilenceMs,
  seconds,
  rounds,
});

async function speech(folder: string): Promise<Uint8Array> {
  const random = seededRandom(SEED);
  const clips = clipsOf(await loadAudio(await readRecordings(folder, ['en'])));
  const utterances = joinUtterances(clips, { lengthMs: UTTERANCE_MS, rounds: CLIP_ROUNDS, random });
  const playlist = loopPlaylist(utterances, { durationMs: LOOP_MS, gapMs: GAP_MS, random });
  return pcmOf(playlist, 0, playlist.totalSamples);
}
