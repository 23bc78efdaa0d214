// Which unit of one text became which of another: the cheapest edits between two sequences. Levenshtein distance with
// traceback (Wagner and Fischer 1974).

/** Units of one text and of the other at one place; undefined: nothing stands there. */
export interface Aligned<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
  readonly isEqual: boolean;
}

/** Cost of leaving a unit out, or of putting one in. */
const GAP = 1;

/**
 * Aligns two sequences. Both are met whole and in order in what is returned.
 * @param costOf putting one unit for another: 0 for equal ones. What costs as much as leaving one out and putting the
 * other in (2) never pairs.
 */
export function align<T>(before: readonly T[], after: readonly T[], costOf: (a: T, b: T) => number): Aligned<T>[] {
  const width = after.length + 1;
  const cost = new Float32Array((before.length + 1) * width);
  const swap = (i: number, j: number): number => costOf(before[i - 1] as T, after[j - 1] as T);
  for (let j = 1; j < width; j++) cost[j] = j * GAP;
  for (let i = 1; i <= before.length; i++) {
    cost[i * width] = i * GAP;
    for (let j = 1; j < width; j++) {
      const same = (cost[(i - 1) * width + j - 1] ?? 0) + swap(i, j);
      const left = (cost[(i - 1) * width + j] ?? 0) + GAP;
      const put = (cost[i * width + j - 1] ?? 0) + GAP;
      cost[i * width + j] = Math.min(same, left, put);
    }
  }
  const aligned: Aligned<T>[] = [];
  for (let i = before.length, j = after.length; i > 0 || j > 0;) {
    const here = cost[i * width + j] ?? 0;
    const swapped = i > 0 && j > 0 ? swap(i, j) : 2 * GAP;
    if (swapped < 2 * GAP && close(here, (cost[(i - 1) * width + j - 1] ?? 0) + swapped)) {
      aligned.push({ before: before[i - 1], after: after[j - 1], isEqual: swapped === 0 });
      i--;
      j--;
    } else if (i > 0 && (j === 0 || close(here, (cost[(i - 1) * width + j] ?? 0) + GAP))) {
      aligned.push({ before: before[i - 1], after: undefined, isEqual: false });
      i--;
    } else {
      aligned.push({ before: undefined, after: after[j - 1], isEqual: false });
      j--;
    }
  }
  return aligned.toReversed();
}

/** Costs are sums in single precision. */
function close(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-3;
}
