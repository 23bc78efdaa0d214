// Chinese speech as it is written: no fillers, no stutter, no spaces, full-width marks, numbers as digits before their
// units.
import { chineseDigitsOf } from '../language/chinese-numbers.js';
import { CHINESE_FILLERS, CHINESE_PAUSE_WORDS } from '../language/fillers.js';
import { asksChinese } from '../language/questions.js';
import { WIDE_MARKS } from '../../text/chinese-marks.js';
import { endsInLiteral } from '../text/literals.js';

const CJK = '\\p{Script=Han}\\u3000-\\u303f\\uff00-\\uffef';
const SPACE_BETWEEN = new RegExp(`(?<=[${CJK}])\\s+(?=[${CJK}])`, 'gu');
/** Behind Han, or between an address or the like (see `shield`) and Han. */
const HALF_AFTER_HAN = /(?<=\p{Script=Han})\s*([,.?!:;])\s*|(?<=[\ua000-\ua48c])([,.?!:;])\s*(?=\p{Script=Han})/gu;
/** Words that fill a pause when they are said twice. */
const REPEATED_PHRASE =
  /(那个|那個|就是|然后|然後|这个|這個|所以|但是|因为|因為|我们|我們|你们|你們|他们|他們|可以|应该|應該|可能|其实|其實)(?:[，,、]?\1)+/gu;
/** Pronouns and particles that are said twice by mistake; 看看, 谢谢, 天天 are words. */
const REPEATED_CHARACTER = /([我你他她它您是在有和跟把被从從到对對要会會能去来])(?:[，,、]?\1)+/gu;
const ENDS_SENTENCE = /[。！？…；：.!?;:][”’」』）)"']*$/u;
const REPEATED_MARKS = /([，。？！、；：])(?:\s*[，、；：])+|[，、；：]+(?=[。？！])/gu;

/** One paragraph of Chinese, simplified or traditional as it is. */
export function tidyChinese(text: string): string {
  const joined = text.replaceAll(/\s+/g, ' ').trim().replaceAll(SPACE_BETWEEN, '');
  const spoken = joined
    .replaceAll(CHINESE_PAUSE_WORDS, '')
    .replaceAll(CHINESE_FILLERS, '')
    .replaceAll(REPEATED_PHRASE, '$1')
    .replaceAll(REPEATED_CHARACTER, '$1');
  const marks = chineseDigitsOf(spoken)
    .replaceAll(HALF_AFTER_HAN, (all) => WIDE_MARKS.get(all.trim()) ?? all)
    .replaceAll(REPEATED_MARKS, '$1')
    .replaceAll(/^[，、；：。\s]+/gu, '')
    .trim();
  if (marks === '' || ENDS_SENTENCE.test(marks) || endsInLiteral(marks)) return marks;
  const bare = marks.replace(/[，、,\s]+$/u, '');
  return bare + (asksChinese(bare) ? '？' : '。');
}
