// A caller's terms as the tokens that a model writes them with.
import { createHash } from 'node:crypto';
import type { Hotwords } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';

/**
 * How much likelier a term's first token becomes, natural log. A careful value: of 43 English recordings, most of them
 * accented, a list of 500 terms, 455 of which nobody said, changed one text at 1.5, three at 3 and seven at 4.5
 * (`npm run bench -- hotwords`).
 */
export const HOTWORD_BOOST = 1.5;
/** Terms with more tokens are not raised: no name is that long, and what is may be prompt. */
const TERM_TOKENS_MAX = 24;

/** Lists come again with every utterance of a session. */
const known = new WeakMap<EngineTokenizer, WeakMap<readonly string[], Hotwords>>();

/** Undefined where there are no terms. */
export function hotwordTerms(
  tokenizer: EngineTokenizer,
  hotwords: readonly string[],
  boost = HOTWORD_BOOST,
): Hotwords | undefined {
  if (hotwords.length === 0 || boost <= 0) return undefined;
  const lists = known.get(tokenizer) ?? new WeakMap<readonly string[], Hotwords>();
  known.set(tokenizer, lists);
  const found = lists.get(hotwords) ?? make(tokenizer, hotwords, boost);
  if (found.boost !== boost) return make(tokenizer, hotwords, boost);
  lists.set(hotwords, found);
  return found;
}

function make(tokenizer: EngineTokenizer, hotwords: readonly string[], boost: number): Hotwords {
  const terms = [...new Set(hotwords.flatMap(spellings))]
    .map((text) => tokenizer.encode(text))
    .filter(({ length }) => length > 0 && length <= TERM_TOKENS_MAX);
  const key = createHash('sha1')
    .update(JSON.stringify([boost, terms]))
    .digest('base64');
  return { key, boost, terms };
}

/** Written without spaces between words. */
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/** A word begins with a space; at the beginning of a sentence with a capital letter. */
function spellings(hotword: string): string[] {
  const term = hotword.trim();
  if (term === '') return [];
  if (UNSPACED.test(term)) return [term];
  const [first = ''] = term;
  return [` ${term}`, ` ${first.toUpperCase()}${term.slice(first.length)}`];
}
