// A slip of small models: a word in Latin letters that ends in one Chinese, Japanese or Korean character ("sie否").
import type { DecodedToken } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';

const EASTERN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const EASTERN_ALONE = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+$/u;
const ENDS_LATIN = /\p{Script=Latin}$/u;

const latin = new Map<string, boolean>();

/**
 * The tokens without such characters, in a language that is written in Latin letters. Several in a row stay: somebody
 * may have changed the language.
 */
export function withoutForeignLetters(
  tokens: readonly DecodedToken[],
  tokenizer: EngineTokenizer,
  language: string,
): readonly DecodedToken[] {
  if (!isLatin(language)) return tokens;
  const ids = tokens.map(({ id }) => id);
  if (!EASTERN.test(tokenizer.decode(ids))) return tokens;
  // Cut into characters.
  const parts = tokenizer.words(ids, 'zh');
  const slips = parts.filter(({ text }, at) => {
    const [before = '', after = ''] = [parts[at - 1]?.text, parts[at + 1]?.text];
    const isOne = EASTERN_ALONE.test(text) && [...text].length === 1;
    return isOne && ENDS_LATIN.test(before) && !EASTERN_ALONE.test(after);
  });
  return tokens.filter((_, at) => !slips.some(({ first, past }) => first <= at && at < past));
}

/** Whether a language is written in Latin letters, by Unicode's likely subtags. */
function isLatin(language: string): boolean {
  const known = latin.get(language);
  if (known !== undefined) return known;
  const is = scriptOf(language) === 'Latn';
  latin.set(language, is);
  return is;
}

function scriptOf(language: string): string | undefined {
  try {
    return new Intl.Locale(language).maximize().script;
  } catch {
    // No language tag.
    return undefined;
  }
}
