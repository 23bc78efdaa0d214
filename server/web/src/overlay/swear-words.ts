// Masks the commonest swear words: a courtesy to an audience, not a filter to rely on.

/** Stems: what begins with one is masked, so that forms need no list. */
const STEMS = [
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
const CHINESE = ['他妈的', '妈的', '操你', '草泥马', '傻逼', '傻屄', '狗屁', '王八蛋', '婊子', '去你妈', '混蛋'];

const SPACED = new RegExp(`(?<![\\p{L}\\p{N}])(?:${STEMS.join('|')})\\p{L}*`, 'giu');
const UNSPACED = new RegExp(CHINESE.join('|'), 'gu');

/** The text with such words as their first character and stars, as long as they were. */
export function maskSwearWords(text: string): string {
  return text.replace(SPACED, masked).replace(UNSPACED, masked);
}

function masked(word: string): string {
  const [first = '', ...rest] = word;
  return first + '*'.repeat(rest.length);
}
