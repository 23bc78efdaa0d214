// Addresses, names of files, paths and flags that were spelled aloud ("john dot smith at example dot com", "dash dash
// save dash dev"): they stay as they were said, or are written as they are meant; no mark of a sentence may stand in
// them, and no word of them be another.
import { DOMAINS, EXTENSIONS } from '../text/literals.js';

const MARKS: Readonly<Record<string, string>> = {
  '.': 'dot',
  '@': 'at',
  _: 'underscore',
  '-': 'dash',
  '/': 'slash',
  '?': 'question mark',
  '=': 'equals',
  '&': 'ampersand',
  '#': 'hash',
  ':': 'colon',
};
/** Other words for the same marks. */
const ALSO: Readonly<Record<string, string>> = {
  hyphen: 'dash',
  'minus minus': 'dash dash',
  点: 'dot',
  艾特: 'at',
  下划线: 'underscore',
  斜杠: 'slash',
};
const WRITTEN = new Map(Object.entries(MARKS).map(([mark, name]) => [name, mark]));
const ANY_MARK = [...WRITTEN.keys()].join('|');
const PART = '[a-z0-9]+';
const IN_NAME = `(?: (?:dot|underscore|dash) ${PART})*`;
const SPELLED = [
  // With a name before it only where that has a mark too: in "look at example dot com" there is none.
  `(?:${PART}(?: (?:dot|underscore|dash) ${PART})+ at )?${PART}(?: (?:dot|dash) ${PART})*? dot (?:${DOMAINS})` +
    `(?: (?:slash|question mark|hash|colon) ${PART}(?: (?:${ANY_MARK}) ${PART})*)?`,
  `${PART}(?: (?:dot|underscore|dash) ${PART})*? dot (?:${EXTENSIONS})`,
  // One slash alone is an "or".
  `slash ${PART}${IN_NAME}(?: slash ${PART}${IN_NAME})+`,
  `dash dash ${PART}(?: dash ${PART})*(?: equals ${PART})?`,
];
const ADDRESS = new RegExp(`(?<![a-z0-9])(?:${SPELLED.join('|')})(?![a-z0-9])`, 'giu');

/** Whether one that was said is neither in the text as it was said nor as it is written. */
export function breaksSpokenAddress(said: string, written: string): boolean {
  const addresses = addressesIn(said);
  if (addresses.length === 0) return false;
  const text = aloud(written);
  return addresses.some((address) => {
    const found = Array.from(text.matchAll(new RegExp(address, 'giu')), ([place]) => place);
    return !found.some((place) => isSpelledAs(address, place));
  });
}

/** Both texts with those addresses in the same words, so that they can be compared word by word. */
export function spelledAlike(said: string, written: string): { readonly said: string; readonly written: string } {
  const addresses = addressesIn(said);
  if (addresses.length === 0) return { said, written };
  const spelled = addresses.reduce(
    (text, address) => text.replaceAll(new RegExp(asWritten(address).replaceAll(/[.?]/gu, '\\$&'), 'giu'), address),
    written,
  );
  return { said: inEnglish(said), written: inEnglish(spelled) };
}

function addressesIn(said: string): string[] {
  return inEnglish(said).match(ADDRESS) ?? [];
}

/** Names may get their capitals; what follows the last full stop, and the marks, may not: "Example dot com". */
function isSpelledAs(address: string, place: string): boolean {
  const words = place.split(' ');
  const lastDot = words.lastIndexOf('dot');
  return address
    .split(' ')
    .every((word, at) => word === words[at] || at === 0 || (at < lastDot && !WRITTEN.has(word.toLowerCase())));
}

function asWritten(address: string): string {
  return address
    .toLowerCase()
    .replaceAll(new RegExp(` ?\\b(${ANY_MARK})\\b ?`, 'gu'), (_, name: string) => WRITTEN.get(name) ?? '');
}

/** Marks within words, and before flags and paths, as they are spoken. */
function aloud(text: string): string {
  const spoken = text
    .replaceAll(/(?<=[a-z0-9])[.@_/?=&#:-](?=[a-z0-9])/giu, (mark) => ` ${MARKS[mark]} `)
    .replaceAll(/(?<![^\s(])--(?=[a-z])/giu, 'dash dash ')
    .replaceAll(/(?<![^\s(])\/(?=[a-z0-9])/giu, 'slash ');
  return inEnglish(spoken);
}

function inEnglish(text: string): string {
  return text
    .replaceAll(/点|艾特|下划线|斜杠|(?<![a-z])(?:hyphen|minus minus)(?![a-z])/gu, (word) => ` ${ALSO[word]} `)
    .replaceAll(/\s+/gu, ' ');
}
