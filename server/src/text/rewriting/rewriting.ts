// How the words of a transcript are changed before anybody sees them, and which settings say so.
import { mergeSettings, type Redaction, type Replacement, type RewritingSettings, type Word } from '@sotto/protocol';
import { SWEAR_CHINESE, SWEAR_STEMS, masked } from '../swear-words.js';
import { emailMatcher } from './emails.js';
import { numberMatcher } from './numbers.js';
import { rewriteWords } from './rewrite-words.js';
import { scan, type Matcher } from './scan.js';
import { termMatcher } from './terms.js';

/** What is asked for, complete. */
export interface RewritingWish {
  readonly replacements: readonly Replacement[];
  readonly profanity: 'off' | 'mask';
  readonly redact: readonly Redaction[];
  readonly redactNames: readonly string[];
}

export const NO_REWRITING: RewritingWish = { replacements: [], profanity: 'off', redact: [], redactNames: [] };

const NUMBERS: readonly Redaction[] = ['card', 'phone', 'account', 'number'];

/** The wish after a change of some of its settings. */
export function changeRewriting(wish: RewritingWish, change: RewritingSettings): RewritingWish {
  return mergeSettings(wish, change);
}

/** Whether a wish changes no text. */
export function isNothing(wish: RewritingWish): boolean {
  const hidesNames = wish.redact.includes('names') && wish.redactNames.length > 0;
  const hides = wish.redact.some((kind) => kind !== 'names') || hidesNames;
  return wish.replacements.length === 0 && wish.profanity === 'off' && !hides;
}

/** Replacements first, so that what they make is hidden too; then all that is hidden, in one pass. */
export class Rewriting {
  /** Passes one after the other, each over the text of the one before. */
  readonly #passes: readonly (readonly Matcher[])[];

  constructor(wish: RewritingWish) {
    const passes = [replacing(wish.replacements), hiding(wish)];
    this.#passes = passes.filter((matchers) => matchers.length > 0);
  }

  /** A text to which nothing is added any more. */
  whole(text: string): string {
    return this.#passes.reduce((before, matchers) => scan(before, matchers, true).text, text);
  }

  /**
   * The beginning of a text that may go on: what it is, whatever follows. It ends before what could become something
   * to hide or to replace, and only grows as the text grows.
   */
  settled(text: string): string {
    return this.#passes.reduce((before, matchers) => scan(before, matchers, false).text, text);
  }

  /** The words of a text; those that one match covers become one, with the time of all of them. */
  words(words: readonly Word[], text: string): Word[] {
    let [now, before] = [[...words], text];
    for (const matchers of this.#passes) {
      const { text: after, edits } = scan(before, matchers, true);
      now = rewriteWords(now, before, edits);
      before = after;
    }
    return now;
  }
}

function replacing(rules: readonly Replacement[]): Matcher[] {
  if (rules.length === 0) return [];
  return [termMatcher(rules.map(({ find, replace }) => ({ term: find, write: (found) => inCaseOf(found, replace) })))];
}

function hiding({ redact, redactNames, profanity }: RewritingWish): Matcher[] {
  const kinds = new Set(redact);
  const names = kinds.has('names') ? redactNames : [];
  const terms = [
    ...names.map((term) => ({ term, write: () => '[name]' })),
    ...(profanity === 'off' ? [] : SWEAR_STEMS.map((term) => ({ term, write: masked, isStem: true }))),
    ...(profanity === 'off' ? [] : SWEAR_CHINESE.map((term) => ({ term, write: masked }))),
  ];
  return [
    ...(NUMBERS.some((kind) => kinds.has(kind)) ? [numberMatcher(kinds)] : []),
    ...(kinds.has('email') ? [emailMatcher] : []),
    ...(terms.length > 0 ? [termMatcher(terms)] : []),
  ];
}

/** A replacement in lower case follows the case of what it stands for; any other is written as it is. */
function inCaseOf(found: string, replacement: string): string {
  if (replacement !== replacement.toLowerCase()) return replacement;
  const letters = found.replaceAll(/\P{L}/gu, '');
  if (letters === letters.toLowerCase()) return replacement;
  if (letters.length > 1 && letters === letters.toUpperCase()) return replacement.toUpperCase();
  return /^\P{L}*\p{Lu}/u.test(found) ? replacement.replace(/\p{L}/u, (letter) => letter.toUpperCase()) : replacement;
}
