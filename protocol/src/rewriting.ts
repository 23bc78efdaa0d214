// What is done to the words of a transcript before anybody sees them: the fields of `start`, `configure` and of files.
import * as v from 'valibot';
import { LIMITS } from './limits.js';

/** What may be hidden; each is written as its own name in brackets, `names` as `[name]`. */
export const REDACTIONS = ['card', 'phone', 'email', 'account', 'number', 'names'] as const;
export const PROFANITY_MODES = ['off', 'mask'] as const;

const term = v.pipe(v.string(), v.maxLength(LIMITS.replacementCharsMax), v.regex(/\S/, 'a text that is not empty'));

export const Replacement = v.object({
  /** Plain words, whole ones where a script has spaces; upper and lower case are the same. */
  find: term,
  /** What is written in their place; empty: nothing. */
  replace: v.pipe(v.string(), v.maxLength(LIMITS.replacementCharsMax)),
});

export const REWRITING = {
  /** Words that are written in another way; done before anything is hidden. */
  replacements: v.optional(v.pipe(v.array(Replacement), v.maxLength(LIMITS.replacementsMax))),
  /** `mask`: of swear words only the first letter is left. */
  profanity: v.optional(v.picklist(PROFANITY_MODES)),
  /** What is hidden in every text. */
  redact: v.optional(v.pipe(v.array(v.picklist(REDACTIONS)), v.maxLength(REDACTIONS.length * 2))),
  /** The names that `names` hides. */
  redactNames: v.optional(v.pipe(v.array(term), v.maxLength(LIMITS.replacementsMax))),
} as const;

const Rewriting = v.object(REWRITING);
export type Replacement = v.InferOutput<typeof Replacement>;
export type Redaction = (typeof REDACTIONS)[number];
export type RewritingSettings = v.InferOutput<typeof Rewriting>;
