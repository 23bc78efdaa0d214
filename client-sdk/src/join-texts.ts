// Puts utterances after one another as their script wants it: with a space, or, between Chinese and Japanese characters, without.

// Characters of scripts that are written without spaces, their punctuation and full-width forms, at either side of a seam.
const ENDS_UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]$/u;
const STARTS_UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;

/** One text of several; empty ones vanish, spaces at the seams become one. */
export function joinTexts(texts: readonly string[]): string {
  let joined = '';
  for (const text of texts) {
    if (text.trim() === '') continue;
    const before = joined.trimEnd();
    const after = text.trimStart();
    const seam = ENDS_UNSPACED.test(before) && STARTS_UNSPACED.test(after) ? '' : ' ';
    joined = joined === '' ? text : before + seam + after;
  }
  return joined;
}
