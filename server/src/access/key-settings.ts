// What an API key demands of every transcript that is made with it, and with the tokens that it gave out.
import { LIMITS, REWRITING } from '@sotto/protocol';
import * as v from 'valibot';

const term = v.pipe(v.string(), v.regex(/\S/, 'a text that is not empty'), v.maxLength(LIMITS.hotwordCharsMax));

/** The fields of `start` that a key may have; what a session says itself is added to them. */
export const KEY_SETTINGS = {
  ...REWRITING,
  hotwords: v.optional(v.pipe(v.array(term), v.maxLength(LIMITS.hotwordsMax))),
} as const;

const KeySettings = v.object(KEY_SETTINGS);
export type KeySettings = v.InferOutput<typeof KeySettings>;
