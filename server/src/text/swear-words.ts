// Masks the commonest swear words: a courtesy to an audience, not a filter to rely on.

/** Stems: what begins with one is masked, so that forms need no list. */
export const SWEAR_STEMS: readonly string[] = [
  'fuck',
  'motherfuck',
  'shit',
  'bullshit',
  'cunt',
  'bitch',
  'asshole',
  'arsehole',
  'bastard',
  'wanker',
  'twat',
  'slut',
  'whore',
  'dickhead',
  'cocksuck',
  'goddamn',
];
/** Masked wherever they stand: Chinese has no spaces. */
export const SWEAR_CHINESE: readonly string[] = [
  '他妈的',
  '妈的',
  '操你',
  '草泥马',
  '傻逼',
  '傻屄',
  '狗屁',
  '王八蛋',
  '婊子',
  '去你妈',
  '混蛋',
];

const SPACED = new RegExp(`(?<![\\p{L}\\p{N}])(?:${SWEAR_STEMS.join('|')})\\p{L}*`, 'giu');
const UNSPACED = new RegExp(SWEAR_CHINESE.join('|'), 'gu');

/** The text with such words as their first character and stars, as long as they were. */
export function maskSwearWords(text: string): string {
  return text.replace(SPACED, masked).replace(UNSPACED, masked);
}

/** The first character of a word, and stars for the rest. */
export function masked(word: string): string {
  const [first = '', ...rest] = word;
  return first + '*'.repeat(rest.length);
}
