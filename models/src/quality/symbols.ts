// What all text normalisers drop: brackets with what is in them, punctuation, symbols, and where wanted diacritics.

/**
 * A word's edge as Python's `\b` sees it: letters and digits of every script are word characters. For patterns with the
 * `u` flag.
 */
export const WORD_BOUNDARY = (() => {
  const word = '[\\p{L}\\p{N}_]';
  return `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;
})();

/** Letters that Unicode does not take apart into a base and a mark. */
const PLAIN_LETTERS = new Map(
  Object.entries({ œ: 'oe', Œ: 'OE', ø: 'o', Ø: 'O', æ: 'ae', Æ: 'AE', ß: 'ss', ẞ: 'SS', đ: 'd', Đ: 'D' }).concat(
    Object.entries({ ð: 'd', Ð: 'D', þ: 'th', Þ: 'th', ł: 'l', Ł: 'L' }),
  ),
);

/** Removes [sounds], <tags> and (remarks). */
export function withoutBrackets(text: string): string {
  return text.replaceAll(/[<[][^>\]]*[>\]]/gu, '').replaceAll(/\(([^)]+?)\)/gu, '');
}

export interface CleanOptions {
  /** Characters that stay whatever they are. */
  readonly keep?: string;
  /** Whether diacritics stay. */
  readonly diacritics: boolean;
}

/**
 * Puts a space in the place of every mark, symbol and punctuation (Unicode categories M, S, P), as openai/whisper
 * `normalizers/basic.py` does.
 */
export function cleaned(text: string, { keep = '', diacritics }: CleanOptions): string {
  const clean = (character: string): string => {
    if (keep.includes(character)) return character;
    const plain = diacritics ? undefined : PLAIN_LETTERS.get(character);
    if (plain !== undefined) return plain;
    if (!diacritics && /\p{Mn}/u.test(character)) return '';
    return /[\p{M}\p{S}\p{P}]/u.test(character) ? ' ' : character;
  };
  return Array.from(text.normalize(diacritics ? 'NFKC' : 'NFKD'), clean).join('');
}
