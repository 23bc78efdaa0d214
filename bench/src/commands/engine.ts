// `bench engine`: the recogniser alone, by context length and batch, with and without a draft.
import { ModelRegistry } from '@sotto/models';
import { WhisperEngine, whisperEngineSpec, type DecodeTiming } from '@sotto/server';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { SAMPLES_PER_MS, type LoadedRecording } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import {
  batchCase,
  growingCase,
  growingWindows,
  plainTokens,
  TokenCount,
  type DecodeCase,
  type TokenCheck,
} from '../engine/decode-case.js';
import { gpuOf } from '../engine/gpu.js';
import { shareMetrics, timingMetrics, type TimedCase } from '../engine/engine-metrics.js';
import { speechWindows } from '../engine/speech-windows.js';
import { describeProvenance } from '../measure/machine.js';
import { timeInterleaved } from '../measure/interleaved.js';
import { scalarMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberList, wholeNumber } from './option-values.js';

interface EngineOptions {
  readonly model?: string;
  readonly models?: string;
  readonly recordings: string;
  readonly language: string;
  readonly device: string;
  readonly threads?: number;
  readonly precision: 'auto' | 'fp32' | 'int8';
  readonly contexts?: readonly number[];
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly stepMs: number;
  readonly growTo: number;
  readonly out?: string;
}

export function registerEngineCommand(program: Command): void {
  program
    .command('engine')
    .description('the recogniser alone: speed by context length and batch size, with and without a draft')
    .option('--model <name>', 'installed model; else the one that would serve')
    .option('--models <folder>', 'where installed models are')
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'of the recordings', 'en')
    .option('--device <name>', 'cpu, or a GPU: cuda:0', 'cpu')
    .option('--threads <count>', 'threads of the engine; else its default', wholeNumber(1, 256))
    .addOption(
      new Option('--precision <name>', 'what the CPU calculates in').choices(['auto', 'fp32', 'int8']).default('auto'),
    )
    .option(
      '--contexts <list>',
      "context lengths, whole seconds; else the model's buckets up to 16 s",
      numberList(1, 30),
    )
    .option('--batches <list>', 'batch sizes', numberList(1, 256), [1, 2, 4, 8])
    .option('--rounds <count>', 'measured runs of every case', wholeNumber(1, 1_000), 7)
    .option('--grow-to <s>', 'length of the segment that grows, seconds', wholeNumber(1, 28), 6)
    .option('--step-ms <ms>', 'by which it grows between two decodes', wholeNumber(100, 10_000), 500)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runEngine);
}

async function runEngine(options: EngineOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = await loadAudio(await readRecordings(options.recordings, [options.language]));
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  const maxBatch = Math.max(...options.batches);
  const cuda = gpuOf(options.device);
  const tokens = cuda === undefined ? undefined : new TokenCount();
  const { options: engineOptions } = whisperEngineSpec(model, {
    maxBatch,
    precision: options.precision,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(cuda === undefined ? {} : { cuda }),
  });
  const startedAt = performance.now();
  const timings = new Timings();
  const engine = await WhisperEngine.load(engineOptions, (timing) => timings.add(timing));
  await engine.warmUp();
  const loadMs = performance.now() - startedAt;

  const cases = (await buildCases(engine, recordings, options, tokens?.check)).map((one) => timings.recorded(one));
  const times = await timeInterleaved(cases, options.rounds);
  await engine.close();
  const timed: TimedCase[] = cases.map((one, index) => ({ ...one, ...(times[index] ?? { wallMs: [], cpuMs: [] }) }));
  await publish(
    {
      schema: 1,
      bench: 'engine',
      provenance,
      settings: {
        model: model.name,
        device: options.device,
        threads: options.threads ?? 'default',
        precision: options.precision,
        rounds: options.rounds,
        batches: options.batches.join(','),
        language: options.language,
      },
      metrics: [
        scalarMetric('loadAndWarmUp', 'ms', loadMs),
        ...timingMetrics(timed),
        ...shareMetrics(timed, timings.byCase),
      ],
      remarks: [
        tokens === undefined
          ? `Every one of the ${cases.length * (options.rounds + 1)} runs gave the tokens of plain greedy decoding, window by window.`
          : `${tokens.others} of ${tokens.rows} rows had other tokens than the same window alone and without a draft.`,
      ],
    },
    options.out,
  );
}

async function buildCases(
  engine: WhisperEngine,
  recordings: readonly LoadedRecording[],
  { contexts, batches, language, growTo, stepMs }: EngineOptions,
  check?: TokenCheck,
): Promise<DecodeCase[]> {
  const { buckets, tailSilenceSamples } = engine.model;
  const tailMs = tailSilenceSamples / SAMPLES_PER_MS;
  const wanted = contexts?.map((seconds) => seconds * 1_000) ?? defaultContexts(buckets);
  const cases: DecodeCase[] = [];
  for (const contextMs of wanted) {
    // A window that fills its context with speech, but for the silence that the model wants behind it.
    const windows = speechWindows(recordings, contextMs - tailMs, Math.max(...batches));
    const tokens = await plainTokens(engine, windows, language);
    for (const batch of batches) {
      const rows = [windows.slice(0, batch), tokens.slice(0, batch)] as const;
      cases.push(
        batchCase(engine, ...rows, language, 'none', check),
        batchCase(engine, ...rows, language, 'right', check),
      );
    }
  }
  const [grown = new Float32Array()] = speechWindows(recordings, growTo * 1_000 - tailMs, 1);
  const expected = await plainTokens(engine, growingWindows(grown, stepMs), language);
  for (const drafting of ['none', 'previous'] as const) {
    cases.push(growingCase(engine, grown, expected, language, stepMs, drafting, check));
  }
  return cases;
}

/** Contexts beyond this are left out by default: with every batch size they take minutes. */
const DEFAULT_CONTEXT_MS_MAX = 16_000;

function defaultContexts(buckets: readonly number[]): number[] {
  const contexts = buckets.map((samples) => samples / SAMPLES_PER_MS);
  const short = contexts.filter((ms) => ms <= DEFAULT_CONTEXT_MS_MAX);
  return short.length > 0 ? short : contexts.slice(0, 1);
}

/** The engine's own account of each run, kept under the name of the case. */
class Timings {
  readonly byCase = new Map<string, DecodeTiming[]>();
  #current: DecodeTiming[] | undefined;

  add(timing: DecodeTiming): void {
    this.#current?.push(timing);
  }

  recorded(one: DecodeCase): DecodeCase {
    const kept: DecodeTiming[] = [];
    this.byCase.set(one.name, kept);
    return {
      ...one,
      run: async () => {
        this.#current = kept;
        await one.run();
      },
    };
  }
}
