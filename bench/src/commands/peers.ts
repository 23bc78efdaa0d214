// `bench peers`: Sotto and other recognisers on the same weights and recordings, each in a fresh process, in turn.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { describeProvenance } from '../measure/machine.js';
import { writePeerClips, type GivenClip } from '../peers/peer-clips.js';
import { peerMetrics, ratioMetric } from '../peers/peer-metrics.js';
import { choosePeers, weightsOf, type Peer } from '../peers/peers.js';
import { runPeer, type PeerRun } from '../peers/run-peer.js';
import { publish } from '../report/result-file.js';
import { commaList, wholeNumber } from './option-values.js';

interface PeersOptions {
  readonly model: string;
  readonly prepared: string;
  readonly python: string;
  readonly peers?: readonly string[];
  readonly recordings: string;
  readonly half?: 'odd' | 'even';
  readonly languages: readonly string[];
  readonly alone: number;
  readonly joinedSeconds: number;
  readonly rounds: number;
  readonly threads: number;
  readonly sharedMachine?: true;
  readonly out?: string;
}

export function registerPeersCommand(program: Command): void {
  program
    .command('peers')
    .description(
      'Sotto beside faster-whisper, whisper.cpp and transformers, on the same weights (bench/peers/README.md)',
    )
    .requiredOption('--model <folder>', 'the weights in Hugging Face layout')
    .requiredOption('--prepared <folder>', 'the same for the others, as bench/peers/prepare.py wrote them')
    .requiredOption('--python <program>', 'of an environment with bench/peers/requirements.txt')
    .option('--peers <names>', 'only these, with commas between', commaList)
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--half <half>', 'only the odd or the even lines of the manifest')
    .option('--languages <codes>', 'of the recordings', commaList, ['en', 'zh'])
    .option('--alone <count>', 'recordings of each language that are decoded by themselves', wholeNumber(0, 10_000), 16)
    .option('--joined-seconds <s>', 'of a file joined for each language; 0: none', wholeNumber(0, 36_000), 300)
    .option('--rounds <count>', 'of all peers, each time in the other order', wholeNumber(1, 100), 3)
    .option('--threads <count>', 'of each peer', wholeNumber(1, 1_024), availableParallelism())
    .option('--shared-machine', 'threads of all peers wait without spinning: OMP_WAIT_POLICY=passive')
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runPeers);
}

async function runPeers(options: PeersOptions): Promise<void> {
  const provenance = describeProvenance();
  const peers = choosePeers(options.python, options.peers);
  const folder = await mkdtemp(join(tmpdir(), 'bench-peers-'));
  try {
    const all = await readRecordings(options.recordings, options.languages);
    const half = all.filter((_, i) => options.half === undefined || (i % 2 === 0) === (options.half === 'odd'));
    const clips = await writePeerClips(await loadAudio(half), folder, options);
    const runs = await runInTurn(peers, clips, options);
    const [first = '', ...others] = peers.map(({ name }) => name);
    const versions = Object.assign(
      {},
      ...[...runs.values()].map(([run]) => run?.versions ?? {}),
    ) as typeof provenance.versions;
    await publish(
      {
        schema: 1,
        bench: 'peers',
        provenance: { ...provenance, versions: { ...provenance.versions, ...versions } },
        settings: {
          rounds: options.rounds,
          threads: options.threads,
          languages: options.languages.join(' '),
          clipsAlone: clips.filter(({ set }) => set === 'alone').length,
          secondsAlone: secondsOf(clips, 'alone'),
          secondsJoined: secondsOf(clips, 'joined'),
        },
        metrics: [
          ...[...runs].flatMap(([name, its]) => peerMetrics(name, its, clips)),
          ...others.flatMap((other) =>
            ratioMetric([first, runs.get(first) ?? []], [other, runs.get(other) ?? []], clips),
          ),
        ],
        remarks: [
          'Speed is without the load of the model, which has a line of its own. The language is given to all.',
          ...(options.sharedMachine ? ['Threads waited without spinning (OMP_WAIT_POLICY=passive) in all peers.'] : []),
          'transformers.js is not here: it runs ONNX exports that only a hub carries.',
          ...peers.map(({ name, how }) => `${name}: ${how}.`),
        ],
      },
      options.out,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every round in the other order, so that drift of the machine falls on all alike. */
async function runInTurn(
  peers: readonly Peer[],
  clips: readonly GivenClip[],
  { model, prepared, rounds, threads, sharedMachine }: PeersOptions,
): Promise<Map<string, PeerRun[]>> {
  const weights = weightsOf(resolve(model), resolve(prepared));
  // Threads that spin while they wait take the time of those that they wait for, where others want the cores too.
  const env: Record<string, string> = sharedMachine ? { OMP_WAIT_POLICY: 'passive' } : {};
  const runs = new Map(peers.map(({ name }): [string, PeerRun[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      const run = await runPeer(peer, weights[peer.weights], { threads, env }, clips);
      runs.get(peer.name)?.push(run);
      const ms = [...run.answers.values()].reduce((sum, answer) => sum + answer.ms, 0);
      process.stderr.write(`round ${round + 1}: ${peer.name}: ${(ms / 1_000).toFixed(1)} s\n`);
    }
  }
  return runs;
}

function secondsOf(clips: readonly GivenClip[], set: GivenClip['set']): number {
  return Math.round(clips.filter((clip) => clip.set === set).reduce((sum, { seconds }) => sum + seconds, 0));
}
