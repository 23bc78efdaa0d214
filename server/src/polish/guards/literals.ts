// Whether addresses, paths, versions and code are those that were said, mark by mark.
import type { Unit } from './units.js';

/** How marks are spoken. */
const SPOKEN_MARKS = new Set(
  'dot point at slash backslash dash hyphen minus underscore colon hash hashtag equals plus percent 点 艾 特 斜 杠 横 下 划 线 冒 号 井'.split(
    ' ',
  ),
);

/**
 * Whether one was changed, or put in, or (unless `mayGo`) left out. One that was spelled, "example dot com", may be
 * written as it is meant.
 */
export function changesLiterals(said: readonly Unit[], written: readonly Unit[], mayGo: boolean): boolean {
  const [before, after] = [literals(said), literals(written)];
  if (before.size === 0 && after.size === 0) return false;
  if (!mayGo && [...before].some((literal) => !after.has(literal) && !hasNumber(written, literal))) return true;
  const spoken = [...after].some((literal) => !before.has(literal)) ? lettersSaid(said) : '';
  return [...after].some((literal) => !before.has(literal) && !spoken.includes(lettersOf(literal)));
}

/** Whether these words, spoken, are these, written with marks: "example dot com" and "example.com". */
export function spells(said: readonly Unit[], written: readonly Unit[]): boolean {
  if (!written.some(({ kind }) => kind === 'literal')) return false;
  return lettersSaid(said) === lettersOf(written.map(({ text }) => text).join(''));
}

function literals(units: readonly Unit[]): Set<string> {
  return new Set(units.filter(({ kind }) => kind === 'literal').map(({ text }) => text));
}

/** "1.2.3" may be a number to one text. */
function hasNumber(units: readonly Unit[], literal: string): boolean {
  return units.some(({ text, kind }) => kind === 'number' && text === literal);
}

/** Literals that were said are left out: their marks are known, and are not to be spelled otherwise. */
function lettersSaid(units: readonly Unit[]): string {
  const spoken = units.filter(({ text, kind }) => kind !== 'literal' && !SPOKEN_MARKS.has(text));
  return lettersOf(spoken.map(({ text }) => text).join(''));
}

function lettersOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}
