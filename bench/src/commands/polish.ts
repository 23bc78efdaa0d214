// `bench polish`: what a polishing model gives to several sessions at once, with their texts in one batch and one after
// the other.
import { existsSync } from 'node:fs';
import { EMBEDDED_POLISH_FOLDER } from '@sotto/models';
import { EndpointPolisher, findPolishModel, HostedPolisher, type Polisher } from '@sotto/server';
import type { Command } from 'commander';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { BenchError } from '../bench-error.js';
import { describeProvenance } from '../measure/machine.js';
import { distribution } from '../measure/statistics.js';
import { runSessions, type SessionsRun } from '../polish/run-sessions.js';
import { distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberList, wholeNumber } from './option-values.js';

interface PolishOptions {
  readonly model?: string;
  readonly url?: string;
  readonly sessions: readonly number[];
  readonly texts: number;
  readonly rounds: number;
  readonly threads: number;
  readonly gpuLayers: number;
  readonly recordings: string;
  readonly out?: string;
}

const MODES = ['batched', 'sequential'] as const;

export function registerPolishCommand(program: Command): void {
  program
    .command('polish')
    .description(
      'the polish alone: tokens a second, time to the first of them, and the wait after a final, by the number of sessions',
    )
    .option('--model <name>', 'as `sotto serve --polish-model` takes it; else the one that comes with Sotto')
    .option('--url <url>', 'endpoint that has the model')
    .option('--sessions <list>', 'sessions at the same time', numberList(1, 256), [1, 4, 16])
    .option('--texts <count>', 'finals of each session', wholeNumber(1, 1_000), 4)
    .option('--rounds <count>', 'measured runs of every case', wholeNumber(1, 100), 3)
    .option('--threads <count>', 'threads of a GGUF model', wholeNumber(1, 256), 2)
    .option('--gpu-layers <count>', 'layers of a GGUF model on a GPU', wholeNumber(0, 999), 0)
    .option('--recordings <folder>', 'folder with a manifest.jsonl: its texts are said', fixturesFolder)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runPolish);
}

async function runPolish(options: PolishOptions): Promise<void> {
  const provenance = describeProvenance();
  const texts = (await readRecordings(options.recordings, ['en'])).map(({ text }) => spoken(text));
  const polisher = await openPolisher(options);
  try {
    const loadStarted = performance.now();
    await polisher.warmUp();
    await runSessions(polisher, texts, { sessions: 1, perSession: 2, atOnce: 1 });
    const loadMs = performance.now() - loadStarted;
    const metrics: Metric[] = [
      scalarMetric('load', 'ms', Math.round(loadMs), {
        better: 'lower',
        note: 'start of the process, the model, two first texts',
      }),
    ];
    for (const sessions of options.sessions) {
      const runs: Record<(typeof MODES)[number], SessionsRun[]> = { batched: [], sequential: [] };
      for (let round = 0; round < options.rounds; round++) {
        // The order changes each round: whoever is second finds a warmer or a busier machine.
        for (const mode of round % 2 === 0 ? MODES : MODES.toReversed()) {
          const atOnce = mode === 'batched' ? polisher.concurrency : 1;
          runs[mode].push(await runSessions(polisher, texts, { sessions, perSession: options.texts, atOnce }));
        }
      }
      for (const mode of MODES)
        metrics.push(...metricsOf(`${sessions} ${sessions === 1 ? 'session' : 'sessions'}, ${mode}`, runs[mode]));
    }
    const { model = 'demo-polish', url = '', texts: perSession, rounds, threads, gpuLayers } = options;
    await publish(
      {
        schema: 1,
        bench: 'polish',
        provenance,
        settings: { model, url, perSession, rounds, threads, gpuLayers, atOnce: polisher.concurrency },
        metrics,
        remarks: [
          'Every session has its next final as soon as the one before is polished, so the model is never without work: sessions of live speech, with a final every few seconds, wait less.',
          `Batched: up to ${polisher.concurrency} texts share each run of the model. Sequential: one text after the other. A token is a piece of text that the model wrote.`,
        ],
      },
      options.out,
    );
  } finally {
    await polisher.close();
  }
}

async function openPolisher({ model, url, sessions, threads, gpuLayers }: PolishOptions): Promise<Polisher> {
  const concurrency = Math.max(...sessions);
  if (url !== undefined) {
    if (model === undefined) throw new BenchError('usage', '--url needs --model.');
    return new EndpointPolisher({ url, model, concurrency, silenceMs: 60_000 });
  }
  if (model === undefined && !existsSync(EMBEDDED_POLISH_FOLDER))
    throw new BenchError('usage', 'No polishing model comes with this Sotto: name one with --model.');
  const found = await findPolishModel(model ?? EMBEDDED_POLISH_FOLDER, '');
  return new HostedPolisher(found, { gpuLayers, threads, sequences: concurrency });
}

function metricsOf(name: string, runs: readonly SessionsRun[]): Metric[] {
  const sum = (of: (run: SessionsRun) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const seconds = sum(({ wallMs }) => wallMs) / 1_000;
  const perSecond = (count: number): number => Number((count / seconds).toFixed(1));
  return [
    scalarMetric(`${name}: tokens`, '1/s', perSecond(sum(({ pieces }) => pieces)), { better: 'higher' }),
    distributionMetric(
      `${name}: polished after the final`,
      'ms',
      distribution(runs.flatMap(({ latencies }) => latencies)),
    ),
    distributionMetric(
      `${name}: first token after the final`,
      'ms',
      distribution(runs.flatMap(({ firstPieces }) => firstPieces)),
    ),
    scalarMetric(
      `${name}: failures`,
      'texts',
      sum(({ failures }) => failures),
    ),
  ];
}

/** As a recogniser without a sense of punctuation writes it, with a filler. */
function spoken(text: string): string {
  return `um ${text.toLowerCase().replaceAll(/[^\p{L}\p{N}' ]/gu, '')}`;
}
