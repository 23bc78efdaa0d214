// `bench host`: what it costs to hand windows to an engine's process.
import { nullEngineSpec, ProcessEngine, type DecodeRequest } from '@sotto/server';
import type { Command } from 'commander';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { timeInterleaved } from '../measure/interleaved.js';
import { describeProvenance } from '../measure/machine.js';
import { distribution } from '../measure/statistics.js';
import { distributionMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberList, wholeNumber } from './option-values.js';

interface HostOptions {
  readonly windows: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly out?: string;
}

export function registerHostCommand(program: Command): void {
  program
    .command('host')
    .description("an engine's process with no model in it: audio in messages and in shared memory")
    .option('--windows <list>', 'windows of a run', numberList(1, 64), [1, 8, 64])
    .option('--seconds <s>', 'length of a window', wholeNumber(1, 30), 6)
    .option(
      '--rounds <count>',
      'runs of each kind, in turn, in reversed order every other time',
      wholeNumber(1, 10_000),
      100,
    )
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runHost);
}

async function runHost({ windows, seconds, rounds, out }: HostOptions): Promise<void> {
  const provenance = describeProvenance();
  const [byArena, byMessage] = await Promise.all([
    ProcessEngine.start(nullEngineSpec('')),
    ProcessEngine.start(nullEngineSpec(''), { audioArenaBytes: 0 }),
  ]);
  const casesOf = (name: string, engine: ProcessEngine) =>
    windows.map((count) => {
      const batch = runOf(count, seconds);
      return { name: `${name}, ${count} windows`, run: async () => void (await engine.decode(batch)) };
    });
  // In this order, and back: what large messages leave to the garbage collector falls on messages.
  const cases = [...casesOf('arena', byArena).toReversed(), ...casesOf('messages', byMessage)];
  const times = await timeInterleaved(cases, rounds);
  await Promise.all([byArena.close(), byMessage.close()]);
  const metrics = cases.flatMap(({ name }, index) => [
    distributionMetric(`${name}, roundTrip`, 'ms', distribution(times[index]?.wallMs ?? [])),
    distributionMetric(`${name}, loop`, 'ms', distribution(times[index]?.loopMs ?? [])),
  ]);
  await publish(
    {
      schema: 1,
      bench: 'host',
      provenance,
      settings: { windows: windows.join(','), seconds, rounds },
      metrics,
      remarks: [],
    },
    out,
  );
}

/** Windows as live segments have them: each a view of a longer buffer. */
function runOf(count: number, seconds: number): DecodeRequest[] {
  const samples = seconds * 1_000 * SAMPLES_PER_MS;
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return Array.from({ length: count }, (_, window) => ({
    audio: new Float32Array(samples * 2).fill((window + 1) / 64).subarray(0, samples),
    prompt,
    draft: [],
    temperature: 0,
    seed: 0,
  }));
}
