// English speech as it is written: no fillers, no stutter, numbers as digits, sentences with their capitals and full
// stops.
import { digitsOf } from '../language/english-numbers.js';
import { ENGLISH_FILLERS } from '../language/fillers.js';
import { asksEnglish } from '../language/questions.js';
import { endsInLiteral } from '../text/literals.js';
import { tidySpaces } from './spaces.js';

/** Small words that are said twice by mistake; "that that" and "had had" may be right. */
const STUTTERED = (
  'i you he she it we they the a an and but or so to of in on at for with from if is are was were my ' +
  "your his her our their this what when where how because there then it's i'm we're they're that's " +
  "i'll i've can will would could should just"
).replaceAll(' ', '|');
const STUTTER = new RegExp(`(?<![\\p{L}'’-])(${STUTTERED})(?:[,…]?\\s+\\1)+(?![\\p{L}'’-])`, 'giu');
/** The beginning of a word that is then said whole: "wh- what". */
const FALSE_START = /(?<![\p{L}'’-])(\p{L}{1,4})-,?\s+(?=\1)/giu;

const PROPER = (
  'Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February April June July August ' +
  'September October November December English Chinese French German Spanish Italian Japanese American ' +
  'British European'
).replaceAll(' ', '|');
const PROPER_NAMES = new RegExp(`\\b(?:${PROPER})\\b`, 'gi');
const CAPITAL_I = /(?<![\p{L}\p{N}'’.-])i(?=$|[\s,.;:!?…)]|['’](?:m|ll|ve|d|re)(?!\p{L}))/gu;
const SENTENCE_START = /(^|[.!?…]["')\]]*\s+)(["'([]*)(\p{Ll})(?![\p{L}]*[.][\p{L}])/gu;
/** Short forms whose full stop ends no sentence. */
const ABBREVIATION = /(?:^|[\s("'])(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|a\.m|p\.m|no|inc|jr|sr)\.$/i;
const ENDS_SENTENCE = /[.!?…:;]["')\]]*$/;
const ENDS_WORD = /[\p{L}\p{N}%"')\]]$/u;

/** One paragraph of English. */
export function tidyEnglish(text: string): string {
  const spoken = text.replaceAll(ENGLISH_FILLERS, ' ').replaceAll(FALSE_START, '').replaceAll(STUTTER, '$1');
  const words = tidySpaces(digitsOf(spoken));
  const named = words
    .replaceAll(CAPITAL_I, 'I')
    .replaceAll(PROPER_NAMES, (name) => name.charAt(0).toUpperCase() + name.slice(1).toLowerCase());
  const capitals = named.replaceAll(SENTENCE_START, (all, end: string, quote: string, letter: string, at: number) =>
    ABBREVIATION.test(named.slice(0, at + end.trimEnd().length)) ? all : end + quote + letter.toUpperCase(),
  );
  return finished(capitals);
}

function finished(text: string): string {
  if (text === '' || ENDS_SENTENCE.test(text)) return text;
  const bare = text.replace(/[\s,–—-]+$/u, '');
  if (!ENDS_WORD.test(bare) || endsInLiteral(bare)) return text;
  return bare + (asksEnglish(bare) ? '?' : '.');
}
