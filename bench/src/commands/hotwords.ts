// `bench hotwords`: what hotwords do to errors on the terms that were said, to other words, and to the time of a step.
import { readFile } from 'node:fs/promises';
import { ModelRegistry, WhisperTokenizer } from '@sotto/models';
import { hotwordsOf, WhisperEngine, whisperEngineSpec } from '@sotto/server';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { comparedText } from '../measure/compared-text.js';
import type { LoadedRecording } from '../audio/playlist.js';
import { readRecordings } from '../audio/recordings.js';
import { countTermErrors, type TermErrors } from '../hotwords/hear-terms.js';
import { commonWords, rareWords } from '../hotwords/terms.js';
import { describeProvenance } from '../measure/machine.js';
import { median } from '../measure/statistics.js';
import { comparedUnits } from '@sotto/models';
import { halfOf, HALVES, type Half } from '../quality/halves.js';
import { scalarMetric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { markdownRows } from '../report/table.js';
import { commaList, wholeNumber } from './option-values.js';

interface HotwordsOptions {
  readonly model?: string;
  readonly models?: string;
  readonly recordings: string;
  readonly languages: readonly string[];
  readonly half?: Half;
  readonly common?: string;
  readonly distractors?: string;
  readonly terms: readonly string[];
  readonly rounds: number;
  readonly texts: boolean;
  readonly out?: string;
}

/** Longest window of the models, samples. */
const WINDOW_SAMPLES = 28 * 16_000;

export function registerHotwordsCommand(program: Command): void {
  program
    .command('hotwords')
    .description('errors on terms and on other words, with and without lists of terms')
    .option('--model <name>', 'installed model; else the one that would serve')
    .option('--models <folder>', 'where installed models are')
    .requiredOption('--recordings <folder>', 'folder with a manifest.jsonl')
    .option('--languages <codes>', 'of the recordings', commaList, ['en', 'zh'])
    .addOption(new Option('--half <half>', 'only recordings of one half, by their ids').choices(HALVES))
    .option('--common <file.txt>', 'ordinary text: what is common there is no term')
    .option('--distractors <file.tsv>', 'terms that nobody says fill the list: the second column of each line')
    .option('--terms <counts>', 'lengths of the list; 0: none', commaList, ['0', '100', '500'])
    .option(
      '--rounds <count>',
      'how often each recording is decoded with each list, for the times',
      wholeNumber(1, 100),
      1,
    )
    .option('--texts', 'prints what was heard otherwise than without hotwords', false)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runHotwords);
}

async function runHotwords(options: HotwordsOptions): Promise<void> {
  const provenance = describeProvenance();
  const all = await readRecordings(options.recordings, options.languages);
  const chosen = all.filter(
    ({ id, text }) => text !== '' && (options.half === undefined || halfOf(id) === options.half),
  );
  const recordings = (await loadAudio(chosen)).filter(({ samples }) => samples.length <= WINDOW_SAMPLES);
  const common = commonWords(options.common === undefined ? '' : await readFile(options.common, 'utf8'));
  const distractors = options.distractors === undefined ? [] : await secondColumn(options.distractors);
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  let stepMs: number | undefined;
  let last = { trialsMs: 0, decodeMs: 0 };
  const engine = await WhisperEngine.load(
    whisperEngineSpec(model, { maxBatch: 1 }).options,
    ({ stepsMs, steps, ...other }) => {
      stepMs = steps === 0 ? undefined : stepsMs / steps;
      last = { trialsMs: other.termsMs, decodeMs: other.encodeMs + other.promptMs + stepsMs };
    },
  );
  const tokenizer = await WhisperTokenizer.load(engine.model.directory);
  const variants = options.terms.map((count) => ({ name: `${count} terms`, length: Number(count) }));
  const counts = new Map(variants.map(({ name }) => [name, new Map<string, TermErrors>()]));
  const stepTimes = new Map(variants.map(({ name }) => [name, [] as number[]]));
  /** Each time of a step ÷ that of the same recording in the same round with the first list. */
  const stepRatios = new Map(variants.map(({ name }) => [name, [] as number[]]));
  const totals = new Map(variants.map(({ name }) => [name, { trialsMs: 0, decodeMs: 0 }]));
  for (const language of options.languages) {
    const its = recordings.filter((one) => one.language === language);
    const said = [...new Set(its.flatMap((one) => rareWords(one, common)))];
    const filled = [...said, ...distractors.filter((term) => !said.includes(term))];
    const lists = new Map(variants.map(({ name, length }) => [name, filled.slice(0, length)]));
    process.stderr.write(
      `${language}: ${its.length} recordings, ${said.length} terms that are said: ${said.slice(0, 40).join(' ')}\n`,
    );
    const decode = (recording: LoadedRecording, name: string) =>
      engine.decode([
        {
          audio: recording.samples,
          prompt: { language, task: 'transcribe', previous: [], committed: [] },
          draft: [],
          temperature: 0,
          seed: 0,
          hotwords: hotwordsOf(lists.get(name) ?? []),
        },
      ]);
    // What is loaded once is loaded before the clock runs: a list, a language's dictionaries.
    const [any] = its;
    if (any !== undefined) for (const { name } of variants) await decode(any, name);
    for (const recording of its) {
      const isTerm = termPlaces(recording, rareWords(recording, common));
      const heardWith = new Map<string, Awaited<ReturnType<typeof decode>>>();
      for (let round = 0; round < options.rounds; round++) {
        const times = new Map<string, number>();
        // Back and forth, so that a drift of the machine falls on all alike.
        for (const { name } of round % 2 === 0 ? variants : variants.toReversed()) {
          heardWith.set(name, await decode(recording, name));
          if (stepMs !== undefined) times.set(name, stepMs);
          const total = totals.get(name);
          if (total === undefined) continue;
          total.trialsMs += last.trialsMs;
          total.decodeMs += last.decodeMs;
        }
        const [{ name: first = '' } = {}] = variants;
        for (const [name, time] of times) {
          stepTimes.get(name)?.push(time);
          stepRatios.get(name)?.push(time / (times.get(first) ?? time));
        }
      }
      let plain: string | undefined;
      for (const { name } of variants) {
        const [result] = heardWith.get(name) ?? [];
        const text = tokenizer.decode(result?.tokens.map(({ id }) => id) ?? []).trim();
        const heard = await comparedText(text, language);
        plain ??= heard;
        if (options.texts && heard !== plain)
          process.stderr.write(`${name}\n  ${recording.text}\n  ${plain}\n  ${heard}\n`);
        const byLanguage = counts.get(name) ?? new Map<string, TermErrors>();
        const sum = byLanguage.get(language) ?? { terms: 0, termErrors: 0, others: 0, otherErrors: 0 };
        byLanguage.set(language, sum);
        countTermErrors(recording, heard, isTerm, sum);
      }
    }
  }
  await engine.close();
  const rows = [...counts].flatMap(([name, byLanguage]) =>
    [...byLanguage].map(([language, { terms, termErrors, others, otherErrors }]) => [
      language,
      name,
      `${termErrors} of ${terms} (${((100 * termErrors) / Math.max(1, terms)).toFixed(1)} %)`,
      `${otherErrors} of ${others} (${((100 * otherErrors) / Math.max(1, others)).toFixed(1)} %)`,
    ]),
  );
  await publish(
    {
      schema: 1,
      bench: 'hotwords',
      provenance,
      settings: {
        model: model.name,
        half: options.half ?? 'both',
        recordings: recordings.length,
        terms: options.terms.join(', '),
      },
      metrics: [...counts].flatMap(([name, byLanguage]) =>
        [...byLanguage].flatMap(([language, { terms, termErrors, others, otherErrors }]) => [
          scalarMetric(`${language}, ${name}: term errors`, 'share', termErrors / Math.max(1, terms)),
          scalarMetric(`${language}, ${name}: other errors`, 'share', otherErrors / Math.max(1, others)),
        ]),
      ),
      remarks: [
        markdownRows([
          [
            'hotwords',
            'time of a step, median',
            'of that of the first list, median of pairs',
            'time of trials, of that of all else',
          ],
          ...[...stepTimes].map(([name, times]) => [
            name,
            `${median(times).toFixed(3)} ms`,
            median(stepRatios.get(name) ?? []).toFixed(3),
            `${(100 * shareOf(totals.get(name))).toFixed(1)} %`,
          ]),
        ]),
        markdownRows([['language', 'hotwords', 'errors on terms', 'errors on other units'], ...rows]),
      ],
    },
    options.out,
  );
}

function shareOf({ trialsMs, decodeMs } = { trialsMs: 0, decodeMs: 0 }): number {
  return trialsMs / Math.max(1, decodeMs);
}

/** Whether the unit at a place of what was said belongs to a term. */
function termPlaces(
  { text, language }: LoadedRecording,
  terms: readonly string[],
): (unit: string, at: number) => boolean {
  const units = comparedUnits(text, language);
  const places = new Set<number>();
  for (const term of terms) {
    const wanted = comparedUnits(term, language);
    for (let at = 0; at + wanted.length <= units.length; at++) {
      if (wanted.every((unit, i) => units[at + i] === unit)) wanted.forEach((_, i) => places.add(at + i));
    }
  }
  return (_, at) => places.has(at);
}

async function secondColumn(file: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.flatMap((line) => line.split('\t')[1] ?? []);
}
