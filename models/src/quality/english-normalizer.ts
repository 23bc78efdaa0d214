// Whisper's English text normaliser: what two transcripts must agree in for their words to count as the same.
import { readFileSync } from 'node:fs';
import { standardizeNumbers } from './english-numbers.js';
import { cleaned, withoutBrackets, WORD_BOUNDARY as B } from './symbols.js';

const FILLERS = new RegExp(`${B}(?:hmm|mm|mhm|mmm|uh|um)${B}`, 'gu');

type ShortForm = readonly [pattern: RegExp, replacement: string];

let forms: readonly ShortForm[] | undefined;

/** Short forms and what they stand for, applied in this order. Made at first use: it takes longer than a command. */
function shortForms(): readonly ShortForm[] {
  return (forms ??= [
    ...whole(
      "won't: will not, can't: can not, let's: let us, ain't: aint, y'all: you all, wanna: want to, gotta: got to",
    ),
    ...whole("gonna: going to, i'ma: i am going to, imma: i am going to, woulda: would have, coulda: could have"),
    ...whole("shoulda: should have, ma'am: madam"),
    // Titles keep the space that the original puts after them.
    ...whole('mr: mister, mrs: missus, st: saint, dr: doctor, prof: professor, capt: captain, gov: governor', ' '),
    ...whole('ald: alderman, gen: general, sen: senator, rep: representative, pres: president, rev: reverend', ' '),
    ...whole('hon: honorable, asst: assistant, assoc: associate, lt: lieutenant, col: colonel, jr: junior', ' '),
    ...whole('sr: senior, esq: esquire', ' '),
    ...endings(
      "'d been: had been, 's been: has been, 'd gone: had gone, 's gone: has gone, 'd done: had done, 's got: has got",
    ),
    ...endings("n't: not, 're: are, 's: is, 'd: would, 'll: will, 't: not, 've: have, 'm: am"),
  ]);
}

let spellings: ReadonlyMap<string, string> | undefined;

/** British -> American, read at first use (models/data/README.md says where it is from). */
function americanSpellings(): ReadonlyMap<string, string> {
  const file = new URL('../../data/english-spelling.json', import.meta.url);
  return (spellings ??= new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)));
}

/**
 * Normalises English text as openai/whisper `normalizers/english.py` EnglishTextNormalizer does: lower case, no fillers
 * and brackets, short forms written out, numbers as digits, American spelling, no punctuation. Words are separated by
 * single spaces; the ends may have one.
 */
export function normalizeEnglish(text: string): string {
  let result = withoutBrackets(text.toLowerCase()).replaceAll(FILLERS, '').replaceAll(/\s+'/g, "'");
  for (const [pattern, replacement] of shortForms()) result = result.replaceAll(pattern, replacement);
  result = result.replaceAll(/(\d),(\d)/g, '$1$2').replaceAll(/\.([^0-9]|$)/gu, ' $1');
  result = standardizeNumbers(cleaned(result, { keep: '.%$¢€£', diacritics: false }));
  const american = americanSpellings();
  return result
    .split(/\s+/)
    .map((word) => american.get(word) ?? word)
    .join(' ')
    .replaceAll(/[.$¢€£]([^0-9])/gu, ' $1')
    .replaceAll(/([^0-9])%/gu, '$1 ')
    .replaceAll(/\s+/g, ' ');
}

function whole(list: string, after = ''): ShortForm[] {
  return entries(list).map(([short, long]) => [new RegExp(`${B}${short}${B}`, 'gu'), long + after]);
}

function endings(list: string): ShortForm[] {
  return entries(list).map(([short, long]) => [new RegExp(`${short}${B}`, 'gu'), ` ${long}`]);
}

function entries(list: string): [string, string][] {
  return list.split(', ').map((entry) => {
    const [short = '', long = ''] = entry.split(': ');
    return [short, long];
  });
}
