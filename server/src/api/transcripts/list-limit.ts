// How many entries of a list a client asks for, in a query.
import * as v from 'valibot';

/** 1 to `most`; without it `usual`. */
export const listLimit = (most: number, usual: number) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,3}$/, 'a whole number'),
      v.transform(Number),
      v.minValue(1, 'at least 1'),
      v.maxValue(most, `at most ${most}`),
    ),
    `${usual}`,
  );
