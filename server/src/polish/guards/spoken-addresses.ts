// Addresses that were spelled aloud, "john dot smith at example dot com": they stay as they were said, or become the
// address; no mark of a sentence may stand in them, and no word of them be another.
import { DOMAINS } from '../text/literals.js';

const MARKS: Readonly<Record<string, string>> = {
  '.': 'dot',
  '@': 'at',
  _: 'underscore',
  '-': 'dash',
  '/': 'slash',
  hyphen: 'dash',
  点: 'dot',
  艾特: 'at',
  下划线: 'underscore',
  斜杠: 'slash',
};
const PART = '[a-z0-9]+';
/** With a name before it only where that has a mark too: in "look at example dot com" there is none. */
const ADDRESS = new RegExp(
  `(?<![a-z0-9])(?:${PART}(?: (?:dot|underscore|dash) ${PART})+ at )?${PART}(?: (?:dot|dash) ${PART})*? dot (?:${DOMAINS})(?: slash ${PART})*(?![a-z0-9])`,
  'gu',
);

/** Whether one that was said is neither in the text as it was said nor as it is written. */
export function breaksSpokenAddress(said: string, written: string): boolean {
  const addresses = addressesIn(said);
  if (addresses.length === 0) return false;
  const text = aloud(written);
  return addresses.some((address) => !text.includes(address));
}

/** Both texts with those addresses in the same words, so that they can be compared word by word. */
export function spelledAlike(said: string, written: string): { readonly said: string; readonly written: string } {
  const addresses = addressesIn(said);
  if (addresses.length === 0) return { said, written };
  const spelled = addresses.reduce(
    (text, address) => text.replaceAll(new RegExp(pattern(address), 'giu'), address),
    written,
  );
  return { said: inEnglish(said), written: inEnglish(spelled) };
}

function addressesIn(said: string): string[] {
  return inEnglish(said.toLowerCase()).match(ADDRESS) ?? [];
}

/** Of an address as it is written. */
function pattern(address: string): string {
  const marks = Object.entries(MARKS).filter(([mark]) => mark.length === 1 && mark !== '点');
  return address.replaceAll(/ (dot|at|underscore|dash|slash) /gu, (_, word: string) => {
    const mark = marks.find(([, name]) => name === word)?.[0] ?? '';
    return mark === '.' ? '\\.' : mark;
  });
}

/** In small letters, marks within words as they are spoken. */
function aloud(text: string): string {
  return inEnglish(text.toLowerCase().replaceAll(/(?<=[a-z0-9])[.@_/-](?=[a-z0-9])/gu, (mark) => ` ${MARKS[mark]} `));
}

function inEnglish(text: string): string {
  return text
    .replaceAll(/点|艾特|下划线|斜杠|(?<![a-z])hyphen(?![a-z])/gu, (word) => ` ${MARKS[word]} `)
    .replaceAll(/\s+/gu, ' ');
}
