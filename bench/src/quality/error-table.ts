// Errors by group of recordings, recogniser beside recogniser.
import { markdownRows } from '../report/table.js';
import { comparedUnit, comparedUnits, errorRate, scoreText, totalErrors, type ErrorCounts } from '@sotto/models';

/** A recording, and what each recogniser made of it. */
export interface HeardRecording {
  readonly id: string;
  readonly language: string;
  readonly kind?: string | undefined;
  /** What is said; empty where nobody speaks. */
  readonly text: string;
  readonly seconds: number;
  /** Text by the name of the recogniser. */
  readonly heard: ReadonlyMap<string, string>;
}

/** Recordings that are judged together: of one kind and one language. */
export interface ErrorGroup {
  readonly name: string;
  readonly unit: 'word' | 'character';
  readonly recordings: number;
  readonly seconds: number;
  /** By the name of the recogniser. Where nobody speaks every unit that is heard is an insertion. */
  readonly errors: ReadonlyMap<string, ErrorCounts>;
}

export function groupOf({ language, kind, text }: Pick<HeardRecording, 'language' | 'kind' | 'text'>): string {
  const name = kind === undefined ? language : kind.startsWith(language) ? kind : `${language} ${kind}`;
  return text === '' ? `${name}, nobody speaks` : name;
}

/** In the order in which the groups first occur. */
export function errorGroups(recordings: readonly HeardRecording[]): ErrorGroup[] {
  return [...new Set(recordings.map(groupOf))].map((name) => {
    const its = recordings.filter((one) => groupOf(one) === name);
    const [{ language, heard }] = its as [HeardRecording];
    return {
      name,
      unit: comparedUnit(language),
      recordings: its.length,
      seconds: its.reduce((sum, { seconds }) => sum + seconds, 0),
      errors: new Map([...heard.keys()].map((who) => [who, totalErrors(its.map((one) => scoreOf(one, who)))])),
    };
  });
}

export function scoreOf({ text, language, heard }: HeardRecording, who: string): ErrorCounts {
  const said = heard.get(who) ?? '';
  if (text !== '') return scoreText(text, said, language);
  const { length } = comparedUnits(said, language);
  return { substitutions: 0, deletions: 0, insertions: length, reference: 0 };
}

/**
 * As Markdown: a row a group, a column a recogniser. Errors in percent, with the units that are wrong, missing and too
 * many; where nobody speaks, the units that were heard.
 */
export function errorTable(groups: readonly ErrorGroup[]): string {
  const names = [...(groups[0]?.errors.keys() ?? [])];
  return markdownRows([
    ['recordings', 'n', 'seconds', 'units', ...names],
    ...groups.map(({ name, unit, recordings, seconds, errors }) => {
      const reference = errors.get(names[0] ?? '')?.reference ?? 0;
      const cells = names.map((who) => cellOf(errors.get(who)));
      return [name, `${recordings}`, seconds.toFixed(0), `${reference} ${unit}s`, ...cells];
    }),
  ]);
}

function cellOf(errors: ErrorCounts | undefined): string {
  if (errors === undefined) return '-';
  const { substitutions, deletions, insertions, reference } = errors;
  if (reference === 0) return `${insertions} heard`;
  return `${(100 * errorRate(errors)).toFixed(1)} % (${substitutions}/${deletions}/${insertions})`;
}
