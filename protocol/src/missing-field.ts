// Tells a field that is not there from one that is wrong, in what the schema library says.
import type * as v from 'valibot';

/** Of a field that is not there the library expects its name alone, not what belongs there. */
export function isMissingField({ input, expected, path }: v.BaseIssue<unknown>): boolean {
  return input === undefined && expected === JSON.stringify(path?.at(-1)?.key);
}
