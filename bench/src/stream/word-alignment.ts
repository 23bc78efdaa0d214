// Which words of one text are which words of another: a minimal edit alignment.

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
  const columns = to.length + 1;
  const cost = new Uint32Array((from.length + 1) * columns);
  const at = (row: number, column: number): number => cost[row * columns + column] ?? 0;
  for (let column = 0; column <= to.length; column++) cost[column] = column;
  for (let row = 1; row <= from.length; row++) {
    cost[row * columns] = row;
    for (let column = 1; column <= to.length; column++) {
      const diagonal = at(row - 1, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1);
      cost[row * columns + column] = Math.min(diagonal, at(row - 1, column) + 1, at(row, column - 1) + 1);
    }
  }
  const matches: [number, number][] = [];
  const counts = { substitutions: 0, deletions: 0, insertions: 0 };
  let [row, column] = [from.length, to.length];
  while (row > 0 || column > 0) {
    const isEqual = row > 0 && column > 0 && from[row - 1] === to[column - 1];
    if (isEqual && at(row, column) === at(row - 1, column - 1)) {
      matches.push([--row, --column]);
    } else if (row > 0 && column > 0 && at(row, column) === at(row - 1, column - 1) + 1) {
      counts.substitutions++;
      row--;
      column--;
    } else if (row > 0 && at(row, column) === at(row - 1, column) + 1) {
      counts.deletions++;
      row--;
    } else {
      counts.insertions++;
      column--;
    }
  }
  return { matches: matches.toReversed(), ...counts };
}

/**
 * Words as a viewer tells them apart: split at spaces, and each Chinese, Japanese or Thai character by itself, since
 * those are written without spaces.
 */
export const displayedWords = (text: string): string[] =>
  text.match(
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu,
  ) ?? [];

/** A word without case and outer punctuation: what must agree for two words to be the same. */
export const bareWord = (word: string): string => word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
