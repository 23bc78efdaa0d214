// `bench quality`: word and character errors of whole files by group of recordings, Sotto beside others on the same
// weights.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import type { LoadedRecording } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { comparedText } from '../measure/compared-text.js';
import { BenchError } from '../bench-error.js';
import { describeProvenance } from '../measure/machine.js';
import { wav } from '../peers/peer-clips.js';
import { choosePeers, weightsOf, type Peer } from '../peers/peers.js';
import { runPeer, type PeerRun } from '../peers/run-peer.js';
import { errorGroups, errorTable, groupOf, scoreOf, type HeardRecording } from '../quality/error-table.js';
import { halfOf, HALVES, type Half } from '../quality/halves.js';
import { errorRate } from '@sotto/models';
import { scalarMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { commaList, wholeNumber } from './option-values.js';

interface QualityOptions {
  readonly model: string;
  readonly peers: readonly string[];
  readonly prepared?: string;
  readonly python: string;
  readonly recordings: readonly string[];
  readonly half?: Half;
  readonly groups?: readonly string[];
  readonly threads: number;
  readonly texts?: string;
  readonly out?: string;
}

export function registerQualityCommand(program: Command): void {
  program
    .command('quality')
    .description('word and character errors of whole files, by kind of recording; others on the same weights beside it')
    .requiredOption('--model <folder>', 'the weights in Hugging Face layout, or an adapted model')
    .option('--peers <names>', 'who hears, with commas between (bench/peers/README.md)', commaList, ['sotto'])
    .option('--prepared <folder>', 'the weights for the others, as bench/peers/prepare.py wrote them')
    .option('--python <program>', 'of an environment with bench/peers/requirements.txt', 'python3')
    .option('--recordings <folders>', 'folders with a manifest.jsonl', commaList, [fixturesFolder])
    .addOption(new Option('--half <half>', 'only recordings of one half, by their ids').choices(HALVES))
    .option('--groups <names>', 'only these groups (a language and a kind: en read)', commaList)
    .option('--threads <count>', 'of each', wholeNumber(1, 1_024), availableParallelism())
    .option('--texts <file.jsonl>', 'writes what was said and heard there, the worst for the first of --peers first')
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runQuality);
}

async function runQuality(options: QualityOptions): Promise<void> {
  const provenance = describeProvenance();
  const peers = choosePeers(options.python, options.peers);
  const recordings = await chosenRecordings(options);
  const runs = await hearAll(peers, recordings, options);
  const heard: HeardRecording[] = [];
  for (const recording of recordings) {
    const texts = new Map<string, string>();
    for (const [name, { answers }] of runs) {
      texts.set(name, answers.get(recording.id)?.text ?? '');
    }
    const text = await comparedText(recording.text, recording.language);
    heard.push({ ...recording, text, seconds: recording.samples.length / 16_000, heard: texts });
  }
  if (options.texts !== undefined) await writeFile(options.texts, textsOf(heard));
  const groups = errorGroups(heard);
  await publish(
    {
      schema: 1,
      bench: 'quality',
      provenance: {
        ...provenance,
        versions: Object.assign(
          { ...provenance.versions },
          ...[...runs.values()].map(({ versions }) => versions),
        ) as typeof provenance.versions,
      },
      settings: { model: options.model, half: options.half ?? 'both', recordings: recordings.length },
      metrics: groups.flatMap(({ name, errors }) =>
        [...errors]
          .filter(([, { reference }]) => reference > 0)
          .map(([who, counts]) => scalarMetric(`${who}: errors ${name}`, 'share', errorRate(counts))),
      ),
      remarks: [
        'Errors in percent; in brackets the units that are wrong, missing and too many.',
        errorTable(groups),
        ...peers.map(({ name, how }) => `${name}: ${how}.`),
      ],
    },
    options.out,
  );
}

async function chosenRecordings({ recordings, half, groups }: QualityOptions): Promise<LoadedRecording[]> {
  const found = (await Promise.all(recordings.map((folder) => readRecordings(folder)))).flat();
  const chosen = found.filter(
    (one) => (half === undefined || halfOf(one.id) === half) && (groups === undefined || groups.includes(groupOf(one))),
  );
  if (chosen.length === 0) {
    const known = [...new Set(found.map(groupOf))].join(', ');
    throw new BenchError('bad_recordings', `No recording is left. The groups are: ${known}.`);
  }
  return loadAudio(chosen);
}

/** Each in a fresh process, one after the other, on the same WAV files. */
async function hearAll(
  peers: readonly Peer[],
  recordings: readonly LoadedRecording[],
  { model, prepared, threads }: QualityOptions,
): Promise<Map<string, PeerRun>> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-quality-'));
  try {
    const clips = await Promise.all(
      recordings.map(async ({ id, language, samples }, i) => {
        const path = join(folder, `${i}.wav`);
        await writeFile(path, wav([samples]));
        return { id, language, path };
      }),
    );
    const weights = weightsOf(resolve(model), resolve(prepared ?? model));
    const runs = new Map<string, PeerRun>();
    for (const peer of peers) {
      runs.set(peer.name, await runPeer(peer, weights[peer.weights], { threads, env: {} }, clips));
      process.stderr.write(`${peer.name}: done\n`);
    }
    return runs;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A line a recording: those first where the first recogniser loses most against the best of the others. */
function textsOf(recordings: readonly HeardRecording[]): string {
  const lines = recordings.map((one) => {
    const errors = Object.fromEntries(
      [...one.heard.keys()].map((who) => {
        const { substitutions, deletions, insertions } = scoreOf(one, who);
        return [who, substitutions + deletions + insertions];
      }),
    );
    const [mine = 0, ...others] = Object.values(errors);
    const { id, text } = one;
    return {
      lost: mine - Math.min(...others, mine),
      id,
      group: groupOf(one),
      errors,
      text,
      heard: Object.fromEntries(one.heard),
    };
  });
  return lines
    .toSorted((a, b) => b.lost - a.lost)
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}
