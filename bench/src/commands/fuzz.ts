// `npm run fuzz`: fuzzed messages and forms against a real server on each transport, beside honest use.
import type { Command } from 'commander';
import { BenchError } from '../bench-error.js';
import { fuzzServer, type FuzzReport } from '../fuzz/fuzz-server.js';
import { describeProvenance } from '../measure/machine.js';
import { median } from '../measure/statistics.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberWithin, wholeNumber } from './option-values.js';

interface FuzzCommandOptions {
  readonly messages: number;
  readonly forms: number;
  readonly minutes: number;
  readonly seed: number;
  readonly transport?: string;
  readonly out?: string;
}

const TRANSPORTS = ['uws', 'ws'] as const;
const MANY = 1_000_000_000;
/** Memory of the last fifth, as a multiple of the middle one. */
const MEMORY_RATIO_MAX = 1.25;

export function registerFuzzCommand(program: Command): void {
  program
    .command('fuzz')
    .description('random, broken and huge messages and forms: no crash, no hang, memory flat')
    .option('--messages <count>', 'messages on sockets', wholeNumber(0, MANY), 1_000_000)
    .option('--forms <count>', 'forms and other uploads', wholeNumber(0, MANY), 100_000)
    .option('--minutes <minutes>', 'ends sooner where that takes longer', numberWithin(0.01, 10_000), 60)
    .option('--seed <number>', 'the same seed sends the same', wholeNumber(0, 2 ** 31), 1)
    .option('--transport <name>', 'uws or ws (default: half on each)')
    .option('--out <file>', 'where the result goes, as JSON')
    .argument('[flags...]', 'flags of `sotto serve`, after --')
    .action(runFuzz);
}

async function runFuzz(flags: string[], options: FuzzCommandOptions): Promise<void> {
  const { messages, forms, minutes, seed } = options;
  const provenance = describeProvenance();
  const transports = TRANSPORTS.filter((name) => name === (options.transport ?? name));
  if (transports.length === 0) throw new BenchError('usage', `--transport is ${TRANSPORTS.join(' or ')}.`);
  const metrics: Metric[] = [];
  const faults: string[] = [];
  for (const transport of transports) {
    const report = await fuzzServer({
      transport,
      messages: Math.ceil(messages / transports.length),
      forms: Math.ceil(forms / transports.length),
      timeMsMax: (minutes * 60_000) / transports.length,
      seed,
      flags,
    });
    metrics.push(...metricsOf(transport, report));
    faults.push(...report.faults.map((fault) => `${transport}: ${fault}`));
  }
  const settings = { flags: flags.join(' '), messages, forms, minutes, seed };
  await publish({ schema: 1, bench: 'fuzz', provenance, settings, metrics, remarks: faults }, options.out);
  if (faults.length > 0) throw new BenchError('server_failed', `The server did not hold (seed ${seed}).`);
}

function metricsOf(transport: string, report: FuzzReport): Metric[] {
  const { messages, messagesRead, forms, tookMs, memoryMiB, testimony } = report;
  const seconds = tookMs / 1_000;
  const part = (from: number, to: number): number =>
    median(memoryMiB.slice(Math.floor(memoryMiB.length * from), Math.ceil(memoryMiB.length * to)));
  const [middle, end] = [part(0.4, 0.6), part(0.8, 1)];
  const tenths = Array.from({ length: 10 }, (_, at) => Math.round(part(at / 10, (at + 1) / 10)));
  const one = (name: string, unit: string, value: number, more: Parameters<typeof scalarMetric>[3] = {}): Metric =>
    scalarMetric(`${transport}.${name}`, unit, value, { better: 'neither', ...more });
  return [
    one('messages', 'messages', messages, {
      note: `${messagesRead} were valid to the server's wire or of a dialect; closed ${counts(report.closeCodes)}`,
    }),
    one('messageRate', 'per s', messages / seconds),
    one('forms', 'forms', forms, { note: `answered ${counts(report.statuses)}; 0: cut off` }),
    one('formRate', 'per s', forms / seconds),
    one('faults', 'faults', report.faults.length, { better: 'lower', target: atMost('value', 0) }),
    one('memory', 'x', end / middle, {
      better: 'lower',
      target: atMost('value', MEMORY_RATIO_MAX),
      note: `median of the last fifth over that of the middle one; MiB at each tenth: ${tenths.join(', ')}`,
    }),
    one('honestMarkMax', 'ms', testimony.markMsMax, { better: 'lower', note: 'longest wait of an honest stream' }),
    one('healthMax', 'ms', testimony.healthMsMax, { better: 'lower', note: 'longest wait for /health' }),
  ];
}

function counts(of: ReadonlyMap<number, number>): string {
  return [...of]
    .toSorted(([a], [b]) => a - b)
    .map(([code, count]) => `${code}: ${count}`)
    .join(', ');
}
