// Puts utterances after one another as their script wants it: with a space, or, between Chinese and Japanese
// characters, without.

// Characters of scripts that are written without spaces, their punctuation and full-width forms, at either side of a
// seam: the blocks of radicals, punctuation, kana and Chinese characters. Ranges and not \p{Script=Han}, which some
// engines of mobile apps cannot read.
const UNSPACED = String.raw`\u2e80-\u30ff\u31c0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{3ffff}`;
const ENDS_UNSPACED = new RegExp(`[${UNSPACED}]$`, 'u');
/** Marks that have their space within them. */
const ENDS_WIDE_MARK = /[\u3001-\u303f\uff01-\uff0f\uff1a-\uff20]$/;
const STARTS_UNSPACED = new RegExp(`^[${UNSPACED}]`, 'u');

/** One text of several; empty ones vanish, spaces at the seams become one. */
export function joinTexts(texts: readonly string[]): string {
  const spoken = texts.filter((text) => text.trim() !== '');
  return spoken
    .map((text, at) => {
      const [before, after] = [spoken[at - 1], spoken[at + 1]];
      const begun = before === undefined ? text : seam(before.trimEnd(), text.trimStart()) + text.trimStart();
      return after === undefined ? begun : begun.trimEnd();
    })
    .join('');
}

function seam(before: string, after: string): string {
  // The last character may be two units of UTF-16.
  if (ENDS_WIDE_MARK.test(before)) return '';
  return ENDS_UNSPACED.test(before.slice(-2)) && STARTS_UNSPACED.test(after) ? '' : ' ';
}
