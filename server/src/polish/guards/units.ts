// A text as the units that are compared: words, or Chinese characters; numbers as digits, short forms written out,
// fillers marked.
import { Converter as toSimplified } from 'opencc-js/t2cn';
import { chineseDigitsOf } from '../language/chinese-numbers.js';
import { ENGLISH_FILLERS as SOUNDS } from '../language/fillers.js';
import { digitsOf, ONES, ORDINALS, TENS } from '../language/english-numbers.js';
import { shield } from '../text/literals.js';

export interface Unit {
  /** Normalised: lower case, simplified, digits; literals as they are, with the marks within. */
  readonly text: string;
  readonly kind: 'word' | 'number' | 'negation' | 'filler' | 'literal';
  /** Whether it is written like a name: a capital within a sentence. */
  readonly isName: boolean;
  /** Whether a full stop or the like stands behind it. */
  readonly endsSentence: boolean;
}

const UNIT =
  /[\ua000-\ua48c]|\p{Script=Han}|\p{N}+(?:[.,:]\p{N}+)*(?:(?:st|nd|rd|th|s)(?!\p{L}))?|(?:(?!\p{Script=Han})[\p{L}\p{M}])+(?:['’][\p{L}\p{M}]+)*|(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}])+/gu;
const NEGATIONS = new Set(
  'not no never none nothing nobody nowhere neither nor cannot without 不 没 未 无 非 别'.split(' '),
);
/** Words of speech that a polished text may do without. */
const FILLERS = new Set(
  (
    'um umm uh uhm uhh er erm ah eh hmm hm mm mhm oh well like so okay ok yeah yes just basically actually literally anyway alright ' +
    '嗯 呃 啊 额 唔 哦 噢 呀 嘛 呢 吧 那 个 就 然'
  ).split(' '),
);
const SHORT_FORMS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:can['’]t|cannot)\b/gi, 'can not'],
  [/\bwon['’]t\b/gi, 'will not'],
  [/\bain['’]t\b/gi, 'is not'],
  [/n['’]t\b/gi, ' not'],
  [/\b(do|does|did|is|are|was|were|have|has|had|would|could|should)nt\b/gi, '$1 not'],
  [/\bgonna\b/gi, 'going to'],
  [/\bwanna\b/gi, 'want to'],
  [/\bgotta\b/gi, 'got to'],
  [/['’](?:m|re|s|ve|ll|d)\b/gi, ''],
  [/\bpercent\b|%/gi, ' percent '],
  [/\ba (?=(?:hundred|thousand|million|billion)\b)/gi, 'one '],
  // "4:00" is "four o'clock".
  [/(?<=\d):00\b|\bo['’ ]?clock\b/gi, ''],
  [/\bmister\b/gi, 'Mr'],
  [/\bmissus\b/gi, 'Mrs'],
  [/\bdoctor\b/gi, 'Dr'],
  [/\bsaint\b/gi, 'St'],
];
/** A word that was cut short: "Tue- Tuesday". */
const CUT_WORDS = /(?<![\p{L}\p{N}'’-])\p{L}{1,8}-(?=[\s,.]|$)/gu;
const SENTENCE_END = /[.!?…:;。！？\n]["'”’)\]]*\s*$/u;
const SENTENCE_END_NEXT = /^["'”’)\]]*[.!?。！？](?![\p{L}\p{N}])/u;

let simplified: ((text: string) => string) | undefined;

/** The units in their order. */
export function unitsOf(text: string): Unit[] {
  const hasHan = /\p{Script=Han}/u.test(text);
  const { text: shielded, restore } = shield(text);
  let plain = shielded.replaceAll(CUT_WORDS, ' ');
  if (hasHan) plain = chineseDigitsOf((simplified ??= toSimplified({ from: 't', to: 'cn' }))(plain));
  for (const [pattern, replacement] of SHORT_FORMS) plain = plain.replaceAll(pattern, replacement);
  // Without the sounds within them, so that a number is read alike on both sides.
  plain = digitsOf(plain.replaceAll(SOUNDS, ' '));
  return Array.from(plain.matchAll(UNIT), ({ 0: written, index }) => ({
    ...unitOf(written, plain.slice(Math.max(0, index - 8), index), restore),
    endsSentence: SENTENCE_END_NEXT.test(plain.slice(index + written.length, index + written.length + 4)),
  }));
}

function unitOf(written: string, before: string, restore: (text: string) => string): Omit<Unit, 'endsSentence'> {
  const literal = restore(written);
  if (literal !== written) return { text: literal, kind: 'literal', isName: false };
  const lower = written.toLowerCase().replaceAll('’', "'");
  const number = numberOf(lower);
  if (number !== undefined) return { text: number, kind: 'number', isName: false };
  const kind = NEGATIONS.has(lower) ? 'negation' : FILLERS.has(lower) ? 'filler' : 'word';
  const isCapital = /^\p{Lu}/u.test(written) && lower !== 'i';
  const isInSentence = before !== '' && !SENTENCE_END.test(before);
  return { text: lower, kind, isName: kind === 'word' && isCapital && isInSentence };
}

/** Digits without their commas and endings; undefined for what is no number. */
function numberOf(word: string): string | undefined {
  const digits = /^(\p{N}+(?:[.,:]\p{N}+)*)(?:st|nd|rd|th|s)?$/u.exec(word)?.[1];
  if (digits !== undefined)
    return digits
      .normalize('NFKC')
      .replaceAll(/,(?=\d{3})/g, '')
      .replace(/^0+(?=\d)/, '');
  return (ONES.get(word) ?? TENS.get(word) ?? ORDINALS.get(word))?.toString() ?? CHINESE_DIGITS.get(word);
}

const CHINESE_DIGITS = new Map([...'零一二三四五六七八九'].map((digit, value) => [digit, String(value)] as const));
for (const [digit, value] of [
  ['两', '2'],
  ['〇', '0'],
  ['十', '10'],
] as const)
  CHINESE_DIGITS.set(digit, value);
