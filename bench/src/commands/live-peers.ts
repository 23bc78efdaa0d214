// `bench live-peers`: Sotto and other streaming servers on the same weights, recordings and load, in turn.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModelRegistry } from '@sotto/models';
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists, type LoadedRecording } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { messageOf } from '@sotto/protocol';
import { clientDelay, liveMetrics, type LiveRun } from '../live-peers/live-metrics.js';
import { chooseLivePeers, type LivePeer, type PeerFolders } from '../live-peers/live-peers.js';
import { PeerServer } from '../live-peers/peer-server.js';
import { playLive } from '../live-peers/play-live.js';
import { describeProvenance } from '../measure/machine.js';
import { MemoryWatch } from '../measure/memory-watch.js';
import type { Metric } from '../report/metric.js';
import { publish, readResult, writeResult, type Result } from '../report/result-file.js';
import { commaList, numberList, wholeNumber } from './option-values.js';

interface LivePeersOptions {
  readonly model: string;
  readonly prepared: string;
  readonly python: string;
  readonly whisperStreaming?: string;
  readonly peers?: readonly string[];
  readonly recordings: string;
  readonly language: string;
  readonly seconds: number;
  readonly streams: readonly number[];
  readonly threads: number;
  readonly gapMs: number;
  readonly add?: true;
  readonly out?: string;
}

const CHUNK_MS = 40;
/** Between the starts of two streams, so that they do not speak in step, milliseconds. */
const STAGGER_MS = 700;
/** After a server listens, milliseconds. */
const SETTLE_MS = 2_000;

export function registerLivePeersCommand(program: Command): void {
  program
    .command('live-peers')
    .description(
      'Sotto beside other streaming servers at the pace of speech, on the same weights (bench/peers/README.md)',
    )
    .requiredOption('--model <folder>', 'the weights in Hugging Face layout')
    .requiredOption('--prepared <folder>', 'the same for the others, as bench/peers/prepare.py wrote them')
    .requiredOption('--python <program>', 'of an environment with bench/peers/requirements-live.txt')
    .option('--whisper-streaming <folder>', 'a checkout of github.com/ufal/whisper_streaming')
    .option('--peers <names>', 'only these, with commas between', commaList)
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'plays the recordings of this language, and names it to the servers', 'en')
    .option('--seconds <s>', 'of recordings for each stream, at least one', wholeNumber(1, 3_600), 30)
    .option('--streams <counts>', 'streams at a time', numberList(1, 64), [1, 2, 4])
    .option('--threads <count>', 'of each server', wholeNumber(1, 1_024), 2)
    .option('--gap-ms <ms>', 'silence between recordings', wholeNumber(0, 60_000), 2_000)
    .option('--out <file.json>', 'writes the result there')
    .option('--add', 'keeps the figures of other peers and numbers of streams that --out already holds')
    .action(runLivePeers);
}

async function runLivePeers(options: LivePeersOptions): Promise<void> {
  const provenance = describeProvenance();
  const peers = chooseLivePeers(options.peers);
  const models = await mkdtemp(join(tmpdir(), 'bench-live-peers-'));
  try {
    await new ModelRegistry(models).add(resolve(options.model), { name: 'peer' });
    const folders: PeerFolders = {
      ...options,
      model: resolve(options.model),
      ctranslate2: resolve(options.prepared, 'ct2'),
      models,
    };
    const all = await readRecordings(options.recordings, [options.language]);
    const recordings = (await loadAudio(all)).filter(({ text }) => text !== '');
    const metrics: Metric[] = [];
    const runs: LiveRun[] = [];
    const failed: string[] = [];
    const earlier = options.add && options.out !== undefined ? await readResult(options.out) : undefined;
    const measured = (): Result => ({
      schema: 1,
      bench: 'live-peers',
      provenance,
      settings: {
        language: options.language,
        streams: options.streams.join(' '),
        secondsOfEachStream: options.seconds,
        threads: options.threads,
        gapMs: options.gapMs,
        chunkMs: CHUNK_MS,
      },
      metrics: newest([...(earlier?.metrics ?? []), ...metrics, clientDelay(runs.flatMap(({ streams }) => streams))]),
      remarks: [
        ...new Set([...(earlier?.remarks ?? []), ...failed, ...peers.map(({ name, how }) => `${name}: ${how}.`)]),
      ],
    });
    for (const [turn, streams] of options.streams.entries()) {
      // In the other order each time, so that drift of the machine falls on all alike.
      for (const peer of turn % 2 === 0 ? peers : peers.toReversed()) {
        const name = `${peer.name}, ${streams} ${streams === 1 ? 'stream' : 'streams'}`;
        try {
          const run = await runPeer(peer, streams, recordings, { ...options, folders });
          runs.push(run);
          metrics.push(...liveMetrics(name, run, options.language));
          await writeResult(measured(), options.out);
          process.stderr.write(`${name}: done\n`);
        } catch (cause) {
          failed.push(`${name} gave no figures: ${messageOf(cause)}`);
          process.stderr.write(`${failed.at(-1)}\n`);
        }
      }
    }
    await publish(measured(), options.out);
  } finally {
    await rm(models, { recursive: true, force: true });
  }
}

async function runPeer(
  peer: LivePeer,
  streams: number,
  recordings: readonly LoadedRecording[],
  { folders, language, seconds, gapMs }: LivePeersOptions & { readonly folders: PeerFolders },
): Promise<LiveRun> {
  const playlists = dealPlaylists(enough(recordings, streams * seconds), {
    connections: streams,
    rounds: 1,
    gapMs,
    seed: 1,
  });
  await using server = await PeerServer.start(peer, streams, folders);
  await sleep(SETTLE_MS);
  const before = await server.usage();
  const watch = new MemoryWatch(() => server.usage());
  try {
    const played = await Promise.all(
      playlists.map(async (playlist, i) => {
        await sleep(i * STAGGER_MS);
        return await playLive(playlist, { open: peer.open, port: server.portOf(i), language, chunkMs: CHUNK_MS });
      }),
    );
    const after = await server.usage();
    return { streams: played, cpuMs: (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0), memory: watch.stop() };
  } finally {
    watch.stop();
  }
}

/** The last of each name, at the first one's place. */
const newest = (metrics: readonly Metric[]): Metric[] => [
  ...new Map(metrics.map((metric) => [metric.name, metric])).values(),
];

/** The first recordings that are so long together. */
function enough(recordings: readonly LoadedRecording[], seconds: number): LoadedRecording[] {
  let left = seconds * 16_000;
  return recordings.filter(({ samples }) => {
    const isWanted = left > 0;
    left -= samples.length;
    return isWanted;
  });
}
