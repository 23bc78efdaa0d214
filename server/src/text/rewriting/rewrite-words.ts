// Words with times after edits of their text.
import type { Word } from '@sotto/protocol';
import type { Edit } from './scan.js';

interface Placed {
  readonly word: Word;
  readonly from: number;
  readonly to: number;
}

/**
 * Words that an edit covers, or touches, become one: with the time from the first one's start to the last one's end,
 * and the least confidence. A word of which nothing is left is gone. Where a word cannot be found in the text, there
 * are no words at all once something was edited: better none than one that should be hidden.
 */
export function rewriteWords(words: readonly Word[], text: string, edits: readonly Edit[]): Word[] {
  if (edits.length === 0) return [...words];
  const placed = place(words, text);
  if (placed === undefined) return [];
  const out: Word[] = [];
  let next = 0;
  for (let i = 0; i < placed.length;) {
    const first = placed[i] as Placed;
    while ((edits[next]?.to ?? Infinity) <= first.from) next += 1;
    let [last, place, written] = [first, first.from, ''];
    i += 1;
    for (let edit = edits[next]; edit !== undefined && edit.from < last.to; edit = edits[next]) {
      written += text.slice(place, Math.max(place, edit.from)) + edit.text;
      place = edit.to;
      next += 1;
      for (; (placed[i]?.from ?? Infinity) < place; i += 1) last = placed[i] as Placed;
    }
    written += text.slice(place, Math.max(place, last.to));
    if (written.trim() === '') continue;
    out.push({ ...first.word, text: written.trim(), endMs: last.word.endMs, confidence: least(placed, first, last) });
  }
  return out;
}

function place(words: readonly Word[], text: string): Placed[] | undefined {
  const placed: Placed[] = [];
  let at = 0;
  for (const word of words) {
    const from = text.indexOf(word.text, at);
    if (from < 0) return undefined;
    at = from + word.text.length;
    placed.push({ word, from, to: at });
  }
  return placed;
}

function least(placed: readonly Placed[], first: Placed, last: Placed): number {
  const covered = placed.slice(placed.indexOf(first), placed.indexOf(last) + 1);
  return Math.min(...covered.map(({ word }) => word.confidence));
}
