// E-mail addresses, typed or spoken ("john dot smith at example dot com"), from left to right.
import { NOTHING, OPEN, type Matcher } from './scan.js';

/** Characters of a part of an address (RFC 5322's, of Latin letters). Dots stand between parts. */
const PART_CHAR = /[\p{sc=Latn}0-9_%+'&~=#$*!?^{|}-]/u;
const PARTS_MAX = 16;
const SPACES_MAX = 3;

/** Where a step ended; `open`: at the end of the text, and more could follow; undefined: it is not there. */
type Step = number | 'open' | undefined;

export const emailMatcher: Matcher = (text, at) => {
  if (at > 0 && PART_CHAR.test(text.charAt(at - 1))) return NOTHING;
  const local = parts(text, at);
  if (local.to === undefined) return NOTHING;
  if (local.isOpen) return OPEN;
  const domain = separator(text, local.to, '@', 'at');
  if (domain === 'open') return OPEN;
  if (domain === undefined) return NOTHING;
  if (domain === text.length) return OPEN;
  const { to, count, isOpen } = parts(text, domain);
  if (to === undefined) return NOTHING;
  return { match: count > 1 ? { to, text: '[email]' } : undefined, isOpen };
};

/** Parts with dots between them. */
function parts(text: string, at: number): { readonly to?: number; readonly count: number; readonly isOpen: boolean } {
  let to: number | undefined;
  let from = at;
  for (let count = 0; ; count += 1) {
    const end = partEnd(text, from);
    if (end === from || count === PARTS_MAX)
      return { ...(to !== undefined && { to }), count, isOpen: from === text.length };
    to = end;
    const next: Step = end === text.length ? 'open' : separator(text, end, '.', 'dot');
    if (next === 'open') return { to, count: count + 1, isOpen: true };
    if (next === undefined) return { to, count: count + 1, isOpen: false };
    from = next;
  }
}

function partEnd(text: string, at: number): number {
  let to = at;
  while (to < text.length && PART_CHAR.test(text.charAt(to))) to += 1;
  return to;
}

/** The mark, or the word with spaces around it. */
function separator(text: string, at: number, mark: string, word: string): Step {
  if (text.charAt(at) === mark) return at + 1;
  const start = pastSpaces(text, at);
  if (start === text.length) return 'open';
  if (start === at) return undefined;
  if (mark === '@' && text.charAt(start) === mark) return pastSpaces(text, start + 1);
  const said = text.slice(start, start + word.length).toLowerCase();
  const end = start + said.length;
  if (end === text.length && word.startsWith(said)) return 'open';
  if (said !== word) return undefined;
  const next = pastSpaces(text, end);
  return next === text.length ? 'open' : next === end ? undefined : next;
}

function pastSpaces(text: string, from: number): number {
  let at = from;
  while (at < from + SPACES_MAX && /\s/.test(text.charAt(at))) at += 1;
  return at;
}
