// Which words of one text are which words of another: a minimal edit alignment.
import { align } from '@sotto/models';

/** Counts of a minimal edit alignment from a displayed text to its successor, and the pairs of equal words. */
export interface WordAlignment {
  /** Indices [in `from`, in `to`] of equal words, ascending. */
  readonly matches: readonly (readonly [number, number])[];
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
}

/** Aligns two word lists with the fewest edits (Levenshtein, each edit costs 1), preferring matches over edits. */
export function alignWords(from: readonly string[], to: readonly string[]): WordAlignment {
  const matches: [number, number][] = [];
  const counts = { substitutions: 0, deletions: 0, insertions: 0 };
  let [row, column] = [0, 0];
  for (const { before, after, isEqual } of align(from, to, (a, b) => (a === b ? 0 : 1))) {
    if (isEqual) matches.push([row, column]);
    else if (after === undefined) counts.deletions++;
    else if (before === undefined) counts.insertions++;
    else counts.substitutions++;
    if (before !== undefined) row++;
    if (after !== undefined) column++;
  }
  return { matches, ...counts };
}

/** A word without case and outer punctuation: what must agree for two words to be the same. */
export const bareWord = (word: string): string => word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
