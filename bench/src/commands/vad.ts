// `bench vad`: how many live streams the voice activity detector carries.
import { SileroVad, VAD_FRAME_SAMPLES } from '@sotto/server';
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { speechWindows } from '../engine/speech-windows.js';
import { describeProvenance } from '../measure/machine.js';
import { distribution, median } from '../measure/statistics.js';
import { distributionMetric, scalarMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { runVadSteps, type VadSteps } from '../vad/vad-load.js';
import { numberList, wholeNumber } from './option-values.js';

interface VadOptions {
  readonly streams: readonly number[];
  readonly frames: number;
  readonly rounds: number;
  readonly runs: number;
  readonly out?: string;
}

const FRAME_MS = VAD_FRAME_SAMPLES / SAMPLES_PER_MS;
/** Speech that the streams are fed from, milliseconds. */
const SPEECH_MS = 30_000;

export function registerVadCommand(program: Command): void {
  program
    .command('vad')
    .description('voice activity detection alone: time of a step of many streams')
    .option('--streams <list>', 'live streams at the same time', numberList(1, 10_000), [1, 4, 16, 64, 256, 500])
    .option('--frames <count>', 'frames of each stream in a round', wholeNumber(1, 100_000), 100)
    .option(
      '--rounds <count>',
      'rounds over all numbers of streams, in reversed order every other time',
      wholeNumber(1, 100),
      3,
    )
    .option('--runs <count>', 'runs at the same time; 0: as the server chooses', wholeNumber(0, 64), 0)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runVad);
}

async function runVad({ streams, frames, rounds, runs: atOnce, out }: VadOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = await loadAudio(await readRecordings(fixturesFolder, ['en']));
  const [speech = new Float32Array()] = speechWindows(recordings, SPEECH_MS, 1);
  const vad = await SileroVad.load({ runs: atOnce });
  const runs = new Map<number, VadSteps[]>(streams.map((count) => [count, []]));
  for (const count of streams) await runVadSteps(vad, count, 2, speech); // Memory of every batch size is planned before.
  for (let round = 0; round < rounds; round++) {
    for (const count of round % 2 === 0 ? streams : streams.toReversed()) {
      runs.get(count)?.push(await runVadSteps(vad, count, frames, speech));
    }
  }
  await vad.close();
  const metrics = [...runs].flatMap(([count, ran]) => {
    const steps = ran.flatMap(({ timesMs }) => timesMs);
    const cpuMs = ran.reduce((sum, one) => sum + one.cpuMs, 0);
    return [
      distributionMetric(`${count} streams, step`, 'ms', distribution(steps)),
      scalarMetric(`${count} streams, xRealTime`, 'x', (count * FRAME_MS) / median(steps), { better: 'higher' }),
      scalarMetric(`${count} streams, cores`, 'cores', cpuMs / steps.length / FRAME_MS, {
        note: 'CPU time of a step / 32 ms: what that many live streams take',
      }),
    ];
  });
  await publish(
    {
      schema: 1,
      bench: 'vad',
      provenance,
      settings: { streams: streams.join(','), frames, rounds, runs: atOnce },
      metrics,
      remarks: [],
    },
    out,
  );
}
