// How alike two units are: the same word in another form, or another word.
import type { Unit } from './units.js';

/** Below this two words count as having nothing in common. */
const ALIKE = 0.6;

/** What it costs to put one unit for another that has nothing in common with it: as much as never pairs. */
export const UNLIKE = 2;

/**
 * What it costs to put one unit for another: the less the more alike they are. It remembers: the same few words meet
 * again and again in the alignment of two texts.
 */
export function rememberingCost(): (a: Unit, b: Unit) => number {
  const known = new Map<string, Map<string, number>>();
  return (a, b) => {
    let row = known.get(a.text);
    if (row === undefined) known.set(a.text, (row = new Map()));
    let cost = row.get(b.text);
    if (cost === undefined) row.set(b.text, (cost = UNLIKE * (1 - unitLikeness(a, b))));
    return cost;
  };
}

/**
 * 1 for equal units; for words, the share of their letters that stand in the same order (a Dice coefficient of their
 * longest common subsequence).
 */
export function unitLikeness(a: Unit, b: Unit): number {
  if (a.text === b.text) return 1;
  if (a.kind === 'negation' && b.kind === 'negation') return 0.8;
  if (a.kind === 'literal' || b.kind === 'literal') return 0;
  if (a.kind === 'number' || b.kind === 'number') return a.kind === b.kind ? 0.3 : 0;
  // As long as the shorter one at best.
  if ((2 * Math.min(a.text.length, b.text.length)) / (a.text.length + b.text.length) < ALIKE) return 0;
  const share = (2 * commonLength(a.text, b.text)) / (a.text.length + b.text.length);
  return share < ALIKE ? 0 : Math.min(0.95, share);
}

function commonLength(a: string, b: string): number {
  let row = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    const next = new Uint16Array(b.length + 1);
    for (let j = 1; j <= b.length; j++) {
      next[j] = a[i - 1] === b[j - 1] ? (row[j - 1] ?? 0) + 1 : Math.max(row[j] ?? 0, next[j - 1] ?? 0);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
