// What is sampled in the quick run (`npm test`) and done whole by `npm run test:all`, which CI runs.

/** Whether this run leaves nothing out. */
export const isWholeRun = process.env['SOTTO_TEST_ALL'] === '1';

/** Options of a test that only the whole run has. */
export const wholeRunOnly: { readonly skip: string | false } = { skip: !isWholeRun && 'in npm run test:all' };

/** Some of a list, evenly spread and always the same; all of it in the whole run. */
export function sampled<T>(list: readonly T[], count: number): readonly T[] {
  if (isWholeRun || list.length <= count) return list;
  return Array.from({ length: count }, (_, at) => list[Math.floor((at * list.length) / count)] as T);
}

/** A number of runs, rounds or elements: the first in the quick run, the second in the whole one. */
export function rounds(quick: number, whole: number): number {
  return isWholeRun ? whole : quick;
}
