// A bench's result as a file of JSON, and as text for people, made from it on demand.
import { messageOf } from '@sotto/protocol';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { BenchError } from '../bench-error.js';
import { Provenance } from '../measure/machine.js';
import { Metric } from './metric.js';
import { markdownTable, terminalTable } from './table.js';

export const Result = v.object({
  schema: v.literal(1),
  bench: v.string(),
  provenance: Provenance,
  /** What was asked for: connections, pace, recordings, server flags. */
  settings: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  metrics: v.array(Metric),
  /** Sentences that belong to the figures: what was left out, what else ran, which policy won and why. */
  remarks: v.array(v.string()),
});

export type Result = v.InferOutput<typeof Result>;

/** Prints the result and, with `out` (a path that ends in .json), writes it there. */
export async function publish(measured: Result, out: string | undefined): Promise<void> {
  const result = { ...measured, remarks: [...measured.remarks, ...busyRemark(measured.provenance)] };
  process.stdout.write(`${terminalText(result)}\n`);
  await writeResult(result, out);
}

/** Writes a result as {@link publish} does, without a word: for what has been measured so far. */
export async function writeResult(result: Result, out: string | undefined): Promise<void> {
  if (out === undefined) return;
  if (!out.endsWith('.json')) throw new BenchError('usage', `--out must end in .json, not "${out}".`);
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify(result, undefined, 2)}\n`);
}

/** A warning where other programs wanted more than half of the machine when the bench began. */
function busyRemark({ machine: { loadAverage, cores } }: Provenance): string[] {
  const [load = 0] = loadAverage;
  return load <= cores / 2
    ? []
    : [
        `The machine was busy before the bench began (load average ${load} on ${cores} cores): times are longer than on a quiet one, and targets of ` +
          'time are not decided by this run. Counts, error rates and CPU times hold.',
      ];
}

/** Reads a result file. @throws BenchError `bad_result` when the file is none. */
export async function readResult(path: string): Promise<Result> {
  try {
    return v.parse(Result, JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new BenchError('bad_result', `${path} is not a result of this bench: ${reason(cause)}`, { cause });
  }
}

export function terminalText(result: Result): string {
  return [`\n${result.bench}  ${machineLine(result)}`, '', terminalTable(result.metrics), '', ...result.remarks].join(
    '\n',
  );
}

/** The same for a document. */
export function markdown(result: Result): string {
  const { provenance, settings } = result;
  return [
    `# ${result.bench}`,
    '',
    `\`${provenance.command}\``,
    '',
    `${machineLine(result)}. Taken ${provenance.takenAt}, commit ${provenance.git.commit.slice(0, 12)}${provenance.git.hasLocalChanges ? ' with local changes' : ''}.`,
    `Versions: ${Object.entries(provenance.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}. Load averages at the start: ${provenance.machine.loadAverage.join(', ')}.`,
    '',
    `Settings: ${Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}.`,
    '',
    markdownTable(result.metrics),
    '',
    ...result.remarks.flatMap((remark) => [remark, '']),
  ].join('\n');
}

const machineLine = ({ provenance: { machine } }: Result): string =>
  [`${machine.cpu}, ${machine.cores} cores`, `${machine.memoryGiB} GiB`, machine.os, ...machine.gpus].join(', ');

const reason = (cause: unknown): string => messageOf(cause);
