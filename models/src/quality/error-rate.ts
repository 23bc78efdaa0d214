// Word and character error rate: how far a transcript is from what was said.
import { comparedUnits } from './compared-units.js';

/** Counts of an alignment with the fewest edits. They add up over recordings. */
export interface ErrorCounts {
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
  /** Words or characters of the reference. */
  readonly reference: number;
}

export const NO_ERRORS: ErrorCounts = { substitutions: 0, deletions: 0, insertions: 0, reference: 0 };

/**
 * Errors of a transcript against what was said, both normalised for the language: in words, in characters for languages
 * without spaces.
 */
export function scoreText(reference: string, hypothesis: string, language: string): ErrorCounts {
  return countErrors(comparedUnits(reference, language), comparedUnits(hypothesis, language));
}

/**
 * Errors of a list against another (Levenshtein distance; among equally short alignments, the one with the most
 * substitutions).
 */
export function countErrors(reference: readonly string[], hypothesis: readonly string[]): ErrorCounts {
  // Not by `align`, which keeps the whole table: recordings of hours are compared. One row at a time; each cell holds
  // the edits by kind of the best way there.
  type Cell = readonly [total: number, substitutions: number, deletions: number, insertions: number];
  let row: Cell[] = Array.from({ length: hypothesis.length + 1 }, (_, i) => [i, 0, 0, i]);
  for (const said of reference) {
    const [first] = row;
    let [total = 0, s = 0, d = 0, n = 0] = first ?? [];
    const next: Cell[] = [[total + 1, s, d + 1, n]];
    for (const [i, heard] of hypothesis.entries()) {
      const diagonal = row[i];
      const above = row[i + 1];
      const left = next[i];
      if (!diagonal || !above || !left) break;
      const wrong = said === heard ? 0 : 1;
      [total, s, d, n] = diagonal;
      let best: Cell = [total + wrong, s + wrong, d, n];
      if (above[0] + 1 < best[0]) best = [above[0] + 1, above[1], above[2] + 1, above[3]];
      if (left[0] + 1 < best[0]) best = [left[0] + 1, left[1], left[2], left[3] + 1];
      next.push(best);
    }
    row = next;
  }
  const [, substitutions, deletions, insertions] = row.at(-1) ?? [0, 0, 0, 0];
  return { substitutions, deletions, insertions, reference: reference.length };
}

/** The sum of counts: a rate over many recordings weighs each by its length. */
export function totalErrors(counts: Iterable<ErrorCounts>): ErrorCounts {
  const total = { ...NO_ERRORS };
  for (const { substitutions, deletions, insertions, reference } of counts) {
    total.substitutions += substitutions;
    total.deletions += deletions;
    total.insertions += insertions;
    total.reference += reference;
  }
  return total;
}

/**
 * Errors by units of the reference: 0 is perfect, above 1 is possible. Where nothing was said: 0 for nothing heard,
 * else infinite.
 */
export function errorRate({ substitutions, deletions, insertions, reference }: ErrorCounts): number {
  const errors = substitutions + deletions + insertions;
  if (reference === 0) return errors === 0 ? 0 : Number.POSITIVE_INFINITY;
  return errors / reference;
}
