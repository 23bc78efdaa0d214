// Whether a text has the words that were said, all of them and no others: for models that are there to give words back,
// and know nothing better to put for them.
import { align } from '@sotto/models';
import { COMMON } from './common-words.js';
import { spells } from './literals.js';
import type { Unit } from './units.js';
import { UNLIKE } from './word-likeness.js';

/** Units at one place of the alignment where the texts differ. */
interface Difference {
  /** First unit said that is not written, and the one behind the last. */
  from: number;
  to: number;
  readonly written: Unit[];
}

/**
 * Units of a beginning that its speaker broke off, and of what he said twice by mistake: longer ones are passages, and
 * meant.
 */
const BROKEN_OFF_MAX = 6;
const REPEATED_MAX = 3;
/** Units that may go where nobody corrects himself, none of them a content word. */
const SMALL_WORDS_MAX = 6;
/** Behind these somebody corrects what he just said. */
const CORRECTIONS = new Set(['no', 'sorry', 'mean', 'rather', 'wait']);
/** Words that speakers strew in: "you know", "I mean", "sort of". */
const STREWN = new Set(['know', 'mean', 'sort', 'kind', 'right', 'really', 'very']);
const MEANT_WITH_OBJECT = new Set(['know', 'mean']);
const OBJECTS = new Set(['it', 'that', 'this', 'him', 'her', 'them', 'you', 'me', 'us']);
/** Between a word and the same word once more. */
const LINKS = new Set(['by', 'to', 'after', 'upon', 'on', 'for', 'in', 'and']);
/** Written as signs: "$5" for "five dollars". */
const SIGNS = new Set(['dollar', 'dollars', 'euro', 'euros', 'pound', 'pounds', 'percent', 'number']);
/** What short forms leave behind where a recogniser wrote them without an apostrophe: "thats", "youre". */
const SHORT_ENDING = /(?:s|m|re|ve|ll|d)$/;

/**
 * Whether a content word was lost or put in. Words without content may come and go; others go only where they are said
 * again at once, cut short, or corrected, and come only as the same letters written otherwise ("air port").
 */
export function changesWords(said: readonly Unit[], written: readonly Unit[]): boolean {
  const spoken = said.filter(({ kind }) => kind !== 'filler');
  const read = written.filter(({ kind }) => kind !== 'filler');
  return differences(spoken, read).some((difference) => !isHarmless(difference, spoken));
}

function differences(said: readonly Unit[], written: readonly Unit[]): Difference[] {
  const found: Difference[] = [];
  let current: Difference | undefined;
  let place = 0;
  // Of what was said twice the second one is paired, so that what is left out stands before it.
  for (const { before, after, isEqual } of align(said, written, (a, b) => (a.text === b.text ? 0 : UNLIKE))) {
    if (isEqual) {
      current = undefined;
      place++;
      continue;
    }
    if (current === undefined) found.push((current = { from: place, to: place, written: [] }));
    if (before !== undefined) current.to = ++place;
    if (after !== undefined) current.written.push(after);
  }
  return found;
}

function isHarmless({ from, to, written }: Difference, said: readonly Unit[]): boolean {
  const left = said.slice(from, to);
  if (lettersOf(left) === lettersOf(written) || spells(left, written)) return true;
  if (written.some(isContent)) return false;
  if (!left.some(isMeant)) return left.length <= SMALL_WORDS_MAX && !isSaidOf(left, said.slice(to));
  return isBrokenOff(left, said.slice(to));
}

/** "I want, I need", "the the", "on Tue Tuesday", "three, no, sorry, four": what goes is a try at what comes. */
function isBrokenOff(left: readonly Unit[], next: readonly Unit[]): boolean {
  if (left.length > BROKEN_OFF_MAX) return false;
  const correction = left.findIndex(({ text }) => CORRECTIONS.has(text));
  if (correction >= 0) return left.length > 1 && !left.slice(correction).some(isMeantBesides);
  // Who ended a sentence meant it.
  if (left.some(({ endsSentence }) => endsSentence) || isOnPurpose(left, next)) return false;
  const last = left.at(-1)?.text ?? '';
  const again = next[left.length - 1]?.text ?? '';
  if (!left.slice(0, -1).every(({ text }, at) => text === next[at]?.text)) return false;
  return again === last ? left.length <= REPEATED_MAX : left.length > 1 || again.startsWith(last);
}

/** "I mean it": the word has an object, where "I mean, it was cold" goes on. */
function isSaidOf(left: readonly Unit[], [object, behind]: readonly Unit[]): boolean {
  const endsThere = object !== undefined && (object.endsSentence || behind === undefined);
  return endsThere && MEANT_WITH_OBJECT.has(left.at(-1)?.text ?? '') && OBJECTS.has(object.text);
}

/** "Step by step", "many, many, many years". */
function isOnPurpose(left: readonly Unit[], next: readonly Unit[]): boolean {
  const [first, second, third] = [...left, ...next].slice(0, 3);
  if (first === undefined || !isMeant(first) || third?.text !== first.text) return false;
  return second?.text === first.text || (left.length === 2 && LINKS.has(second?.text ?? ''));
}

function isMeantBesides(unit: Unit): boolean {
  return isMeant(unit) && !CORRECTIONS.has(unit.text);
}

function isContent({ text }: Unit): boolean {
  return !COMMON.has(text) && !SIGNS.has(text) && !COMMON.has(text.replace(SHORT_ENDING, ''));
}

/** Not of "you know", "sort of" either. */
function isMeant(unit: Unit): boolean {
  return isContent(unit) && !STREWN.has(unit.text);
}

function lettersOf(units: readonly Unit[]): string {
  return units.map(({ text }) => text.replaceAll("'", '')).join('');
}
