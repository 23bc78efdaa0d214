// `bench throughput`: what whole engines decode when they never lack work, on sets of devices against each other, with
// and without drafts.
import { ModelRegistry } from '@sotto/models';
import { openDeviceEngines, QUEUE_BOUNDS, Scheduler, type Engine, type OpenedEngine } from '@sotto/server';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { SAMPLES_PER_MS, type LoadedRecording } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { clipsOf } from '../audio/utterances.js';
import { BenchError } from '../bench-error.js';
import { idsOf, request } from '../engine/decode-case.js';
import { speechWindows } from '../engine/speech-windows.js';
import { describeProvenance } from '../measure/machine.js';
import { publish, writeResult, type Result } from '../report/result-file.js';
import { formatNumber } from '../report/table.js';
import { fileApplicants, growingApplicants } from '../throughput/applicants.js';
import { deviceSet, enginesOf, unionOf } from '../throughput/device-sets.js';
import { saturate, type Applicant, type Throughput } from '../throughput/saturate.js';
import { throughputMetrics, windowsPerSecond, workName, type MeasuredWork } from '../throughput/throughput-metrics.js';
import { numberList, numberWithin, wholeNumber } from './option-values.js';

interface ThroughputOptions {
  readonly model?: string;
  readonly models?: string;
  readonly devices?: readonly string[][];
  readonly threads: number;
  readonly precision: 'auto' | 'fp32' | 'int8';
  readonly recordings: string;
  readonly language: string;
  readonly contexts: readonly number[];
  readonly growTo: number;
  readonly stepMs: number;
  readonly drafts: 'both' | 'none';
  readonly seconds: number;
  readonly settleS: number;
  readonly rounds: number;
  readonly out?: string;
}

/** Batches that wait or run for each engine: enough that none ever waits for work. */
const BATCHES_AHEAD = 3;

export function registerThroughputCommand(program: Command): void {
  program
    .command('throughput')
    .description('what whole engines decode when they never lack work: devices against each other, drafts on and off')
    .option('--model <name>', 'installed model; else the one that would serve')
    .option('--models <folder>', 'where installed models are')
    .option('--devices <list>', 'cpu, or GPUs: cuda:0,cuda:1; again for another set, measured in turn', deviceSet)
    .option('--threads <count>', "threads of one engine; 0: the server's choice", wholeNumber(0, 256), 0)
    .addOption(
      new Option('--precision <name>', 'what the CPU calculates in').choices(['auto', 'fp32', 'int8']).default('auto'),
    )
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'of the recordings', 'en')
    .option('--contexts <list>', 'lengths of whole windows, seconds', numberList(1, 30), [30, 6])
    .option('--grow-to <s>', 'length to which live segments grow, seconds', wholeNumber(1, 28), 6)
    .option('--step-ms <ms>', 'by which they grow between two decodes', wholeNumber(100, 10_000), 500)
    .addOption(
      new Option('--drafts <which>', 'with and without, or without only').choices(['both', 'none']).default('both'),
    )
    .option('--seconds <s>', 'time that is measured, each case in each round', wholeNumber(1, 600), 10)
    .option('--settle-s <s>', 'time before that', numberWithin(0, 600), 2)
    .option('--rounds <count>', 'measurements of every case', wholeNumber(1, 100), 2)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runThroughput);
}

/** One kind of work on one set of devices. */
interface Case extends Omit<MeasuredWork, 'rounds'> {
  readonly kind: 'file' | 'partial';
  readonly applicants: (count: number) => Applicant[];
  readonly rounds: Throughput[];
}

async function runThroughput(options: ThroughputOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = clipsOf(await loadAudio(await readRecordings(options.recordings, [options.language])));
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  const sets = options.devices ?? [['cpu']];
  const opened = await openDeviceEngines(model, {
    devices: unionOf(sets).join(','),
    engines: 1,
    threads: options.threads,
    precision: options.precision,
    isolation: 'process',
    onEvent: (engine, event) => process.stderr.write(`engine ${engine} ${event.type}\n`),
  });
  const cases: Case[] = [];
  const result = (): Result => ({
    schema: 1,
    bench: 'throughput',
    provenance,
    settings: {
      model: model.name,
      devices: sets.map((set) => set.join(',')).join(' against '),
      maxBatch: opened.map(({ engine }) => engine.maxBatch).join(','),
      seconds: options.seconds,
      rounds: options.rounds,
      language: options.language,
    },
    metrics: throughputMetrics(cases.filter(({ rounds }) => rounds.length > 0)),
    remarks: [],
  });
  try {
    await Promise.all(opened.map(({ engine }) => engine.warmUp()));
    cases.push(...(await casesOf(sets, recordings, firstEngine(opened), options)));
    for (let round = 0; round < options.rounds; round++) {
      for (const one of round % 2 === 0 ? cases : cases.toReversed()) {
        const measured = await measure(one, enginesOf(one.devices, opened), options);
        one.rounds.push(measured);
        const rate = formatNumber(windowsPerSecond(measured));
        process.stdout.write(`${workName(one)}: ${rate} windows/s, ${formatNumber(measured.windowsPerRun)} a run\n`);
      }
      await writeResult(result(), options.out);
    }
  } finally {
    await Promise.all(opened.map(({ engine }) => engine.close()));
  }
  await publish(result(), options.out);
}

/** The draft is measured right beside its partner without one, the sets of devices too. */
async function casesOf(
  sets: readonly string[][],
  recordings: readonly LoadedRecording[],
  engine: Engine,
  { contexts, growTo, stepMs, drafts, language }: ThroughputOptions,
): Promise<Case[]> {
  const tailMs = engine.model.tailSilenceSamples / SAMPLES_PER_MS;
  const windowsOf = (seconds: number) => speechWindows(recordings, seconds * 1_000 - tailMs, engine.maxBatch);
  const cases: Case[] = [];
  const add = (
    { work, kind, drafting }: Pick<Case, 'work' | 'kind' | 'drafting'>,
    applicants: (count: number, isDrafted: boolean) => Applicant[],
  ): void => {
    for (const draft of drafts === 'both' ? (['none', drafting] as const) : (['none'] as const)) {
      for (const devices of sets) {
        const apply = (count: number) => applicants(count, draft !== 'none');
        cases.push({ devices, work, drafting: draft, kind, applicants: apply, rounds: [] });
      }
    }
  };
  for (const context of contexts) {
    const windows = windowsOf(context);
    const right =
      drafts === 'both' ? (await engine.decode(windows.map((window) => request(window, language, [])))).map(idsOf) : [];
    add({ work: `context ${context} s`, kind: 'file', drafting: 'right' }, (count, isDrafted) =>
      fileApplicants(windows, { count, language, drafts: isDrafted ? right : [] }),
    );
  }
  const grown = windowsOf(growTo);
  add({ work: `growing to ${growTo} s by ${stepMs} ms`, kind: 'partial', drafting: 'previous' }, (count, isDrafted) =>
    growingApplicants(grown, { count, language, isDrafted, stepSamples: stepMs * SAMPLES_PER_MS }),
  );
  return cases;
}

async function measure(
  { kind, applicants }: Case,
  engines: readonly Engine[],
  { seconds, settleS }: ThroughputOptions,
): Promise<Throughput> {
  const count = engines.reduce((sum, { maxBatch }) => sum + maxBatch, 0) * BATCHES_AHEAD;
  const scheduler = new Scheduler(engines, {
    bounds: { ...QUEUE_BOUNDS, filesMax: count, partialsMax: count },
  });
  try {
    const timing = { windowMs: seconds * 1_000, settleMs: settleS * 1_000 };
    return await saturate(scheduler, applicants(count), { kind, ...timing });
  } finally {
    await scheduler.close();
  }
}

function firstEngine([first]: readonly OpenedEngine[]): Engine {
  if (first === undefined) throw new BenchError('usage', 'No device was named.');
  return first.engine;
}
