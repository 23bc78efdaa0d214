// Finds any of many terms at a place, in a sorted list: as far as the longest term, and no further.
import { NOTHING, type Matcher, type Sight } from './scan.js';

export interface Term {
  readonly term: string;
  /** What is written for what was found. */
  readonly write: (found: string) => string;
  /** Whether longer words that begin with it are found too. */
  readonly isStem?: boolean;
}

interface Entry extends Term {
  readonly key: string;
}

/** A letter or a digit of a script with spaces: beside one, a word goes on. */
const SPACED = /[\p{L}\p{N}\p{M}](?<![\p{scx=Hani}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}])/u;
const SPACE = /\s/;
/** Spaces in a text that stand for one of a term. */
const SPACES_MAX = 3;

/** Upper and lower case are the same; the first of equal terms counts. */
export function termMatcher(terms: readonly Term[]): Matcher {
  const entries = terms
    .map((term): Entry => ({ ...term, key: fold(term.term.trim().replaceAll(/\s+/g, ' ')) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return (text, at) => (continues(text, at) ? NOTHING : longest(text, at, entries));
}

function longest(text: string, at: number, entries: readonly Entry[]): Sight {
  let [from, past, end] = [0, entries.length, at];
  let depth = 0;
  let match: Sight['match'];
  for (; end < text.length; depth += 1) {
    const isSpace = SPACE.test(text.charAt(end));
    const unit = isSpace ? 0x20 : fold(text.charAt(end)).charCodeAt(0);
    // The terms that go on with this character.
    from = firstFrom(entries, from, past, depth, unit);
    past = firstFrom(entries, from, past, depth, unit + 1);
    if (from === past) return { match, isOpen: false };
    end = isSpace ? pastSpaces(text, end) : end + 1;
    const entry = entries[from] as Entry;
    if (entry.key.length > depth + 1) continue;
    const to = entry.isStem === true ? wordEnd(text, end) : end;
    if (entry.isStem !== true && continues(text, to)) continue;
    match = { to, text: entry.write(text.slice(at, to)) };
    if (to === text.length && endsInWord(text, to)) return { match, isOpen: true };
  }
  // Of keys that begin alike the last one is a longer one, if any is.
  return { match, isOpen: (entries[past - 1]?.key.length ?? 0) > depth };
}

/** The first entry of a range, all of whose keys are the same before `depth`, that has `unit` or more there. */
function firstFrom(entries: readonly Entry[], from: number, past: number, depth: number, unit: number): number {
  let [low, high] = [from, past];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { key } = entries[middle] as Entry;
    if (key.length > depth && key.charCodeAt(depth) >= unit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Lower case, code unit by code unit: no length changes. */
function fold(text: string): string {
  return text.replaceAll(/[^]/g, (unit) => (unit.toLowerCase().length === 1 ? unit.toLowerCase() : unit));
}

/** Whether a word goes on across a place. */
function continues(text: string, at: number): boolean {
  return at < text.length && endsInWord(text, at) && SPACED.test(String.fromCodePoint(text.codePointAt(at) ?? 0));
}

/** Whether a letter or digit of a script with spaces stands before a place. */
function endsInWord(text: string, at: number): boolean {
  if (at === 0) return false;
  const isPair = at >= 2 && /[\udc00-\udfff]/.test(text.charAt(at - 1));
  return SPACED.test(String.fromCodePoint(text.codePointAt(isPair ? at - 2 : at - 1) ?? 0));
}

function pastSpaces(text: string, from: number): number {
  let at = from + 1;
  while (at < from + SPACES_MAX && SPACE.test(text.charAt(at))) at += 1;
  return at;
}

function wordEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && SPACED.test(text.charAt(at))) at += 1;
  return at;
}
