// Cuts segments into subtitle cues: short enough to read, at word borders, with the words' times.
import type { FinalMessage, Word } from '@sotto/protocol';
import stringWidth from 'string-width';
import { CAPTION_LINES, columnsOf, lineCount, isWide } from './caption-lines.js';
import { pieces, tear } from './wrap-text.js';

/** One transcribed stretch of speech, from a server or from whole-file decoding. */
export interface TranscriptSegment extends Pick<FinalMessage, 'text' | 'startMs' | 'endMs'> {
  readonly words?: readonly Word[] | undefined;
  /** Who says it, from 0 on: one in each channel. Absent: channels were mixed. */
  readonly channel?: number | undefined;
  /** Where in the text begins what was said: a speaker's name may stand before it. Default: with the text. */
  readonly spokenFrom?: number | undefined;
}

export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
  /** Absent: nobody is named. */
  readonly speaker?: string | undefined;
}

/** A cue stands for at most this long, milliseconds: the usual limit of subtitle style guides. */
export const CUE_MS_MAX = 7_000;
/** A sentence that ends after this, milliseconds, ends its cue. */
const CUE_MS_MIN = 1_000;
const SENTENCE_END = /[.!?。！？…]["'”’」）)]*$/u;

/**
 * The cues of one segment: two lines at most, cut between words of any script. All of its text is in them. What has no
 * word times takes its share, by its width, of the time between its neighbours.
 */
export function cuesOf(segment: TranscriptSegment): Cue[] {
  const atoms = atomsOf(segment);
  const cues: Cue[] = [];
  let first = 0;
  for (let index = 0; index < atoms.length; index++) {
    if (index + 1 === atoms.length || endsCue(atoms.slice(first, index + 2), segment.text)) {
      cues.push(cueOf(atoms.slice(first, index + 1), atoms[index + 1], segment.text));
      first = index + 1;
    }
  }
  return cues;
}

/** A part of the text that no cue cuts: a word, or as much of a long one as a line takes. */
interface Atom {
  readonly startMs: number;
  readonly endMs: number;
  /** Where it stands in the segment's text. */
  readonly from: number;
  readonly to: number;
}

function atomsOf(segment: TranscriptSegment): Atom[] {
  const { text } = segment;
  const times = new TextTimes(segment);
  const atoms: Atom[] = [];
  for (const piece of pieces(text, 'word')) {
    if (piece.text.trim() === '') continue;
    for (const part of tear(piece.text.trimEnd(), columnsOf(piece.text))) {
      const from = piece.start + part.start;
      const startMs = Math.max(times.startOf(from, part.text), atoms.at(-1)?.startMs ?? -Infinity);
      atoms.push({
        startMs,
        endMs: Math.max(startMs, times.endOf(from, part.text)),
        from,
        to: from + part.text.length,
      });
    }
  }
  return atoms;
}

/** From the first letter or digit to the last. */
const SPOKEN = /[\p{L}\p{N}](?:.*[\p{L}\p{N}\p{M}])?/su;

/** Where in a text something is known to be spoken at this time. */
interface KnownTime {
  readonly at: number;
  /** Columns of the text before it. */
  readonly column: number;
  readonly ms: number;
  /** Whether a word begins here. */
  readonly isWord: boolean;
}

/** When each place of a segment's text is spoken, as far as its words tell. */
class TextTimes {
  /** In order of place and time: where each word that was found begins and ends, and the segment. */
  readonly #known: KnownTime[] = [];
  readonly #text: string;

  constructor({ text, words = [], startMs, endMs, spokenFrom = 0 }: TranscriptSegment) {
    this.#text = text;
    const know = (at: number, ms: number, isWord = false): void => {
      const last = this.#known.at(-1);
      const column = (last?.column ?? 0) + stringWidth(text.slice(last?.at ?? 0, at));
      this.#known.push({ at, column, ms: Math.max(ms, last?.ms ?? 0), isWord });
    };
    know(text.length - text.trimStart().length, startMs, words.length === 0);
    let cursor = spokenFrom;
    for (const word of words) {
      // Spaces and punctuation are the text's (rule SP8); words that are not in it are left out.
      const from = text.indexOf(word.text, cursor);
      if (from === -1) continue;
      cursor = from + word.text.length;
      know(from, word.startMs, true);
      know(cursor, word.endMs);
    }
    know(text.trimEnd().length, endMs);
  }

  /** Where two words meet, the second's time. */
  startOf(from: number, part: string): number {
    const index = this.#known.findLastIndex(({ at }) => at <= from);
    const next = this.#known[index + 1];
    // Marks between words are not spoken: they do not move a word into the pause beside it.
    const isMark = next !== undefined && this.#known[index]?.isWord === false;
    return this.#between(index, isMark ? Math.min(next.at, from + (SPOKEN.exec(part)?.index ?? 0)) : from);
  }

  /** Where two words meet, the first's time. */
  endOf(from: number, part: string): number {
    const to = from + part.length;
    const index = this.#known.findIndex(({ at }) => at >= to) - 1;
    const before = this.#known[index];
    const spoken = SPOKEN.exec(part);
    const isMark = before?.isWord === false && spoken !== null;
    return this.#between(index, isMark ? Math.max(before.at, from + spoken.index + spoken[0].length) : to);
  }

  #between(index: number, place: number): number {
    const before = this.#known[Math.max(0, index)];
    const after = this.#known[index + 1] ?? before;
    if (before === undefined || after === undefined) return 0;
    const columns = after.column - before.column;
    if (columns === 0) return place > before.at ? after.ms : before.ms;
    const column = stringWidth(this.#text.slice(before.at, place));
    return before.ms + ((after.ms - before.ms) * column) / columns;
  }
}

/** Whether the cue ends before the last of `words`. */
function endsCue(words: readonly Atom[], text: string): boolean {
  const first = words[0];
  const last = words.at(-2);
  const next = words.at(-1);
  if (first === undefined || last === undefined || next === undefined) return false;
  if (next.endMs - first.startMs > CUE_MS_MAX) return true;
  if (!fits(text.slice(first.from, next.to))) return true;
  return last.endMs - first.startMs >= CUE_MS_MIN && SENTENCE_END.test(text.slice(first.from, next.from).trim());
}

/** Whether a text has room in a cue; the width alone mostly tells. */
function fits(text: string): boolean {
  const width = stringWidth(text);
  const columns = columnsOf(text);
  if (width <= columns) return true;
  return width <= CAPTION_LINES * columns && lineCount(text, columns) <= CAPTION_LINES;
}

function cueOf(words: readonly Atom[], next: Atom | undefined, text: string): Cue {
  const first = words[0];
  const last = words.at(-1);
  return {
    startMs: first?.startMs ?? 0,
    endMs: last?.endMs ?? 0,
    text: text.slice(first?.from, next?.from).trim(),
  };
}

/** Characters read in a second, as style guides have it: 17 to 20 of an alphabet, 9 to 11 Chinese ones. */
export const READING_SPEED = { alphabet: 17, wide: 9 } as const;
/** No cue flashes by: five sixths of a second. */
const SHOWN_MS_MIN = 833;
/** Two frames between cues, so that the eye sees a change, milliseconds. */
const GAP_MS = 83;

/** The same cues, in order, with later ends where they would be too quick to read. */
export function paceCues(cues: readonly Cue[]): Cue[] {
  return cues.map((cue, index) => {
    const next = cues[index + 1];
    const wanted = Math.min(CUE_MS_MAX, Math.max(SHOWN_MS_MIN, readingMs(cue.text)));
    const room = next === undefined ? Infinity : next.startMs - GAP_MS;
    return { ...cue, endMs: Math.max(cue.endMs, Math.min(cue.startMs + wanted, room)) };
  });
}

/** How long a text takes to read, milliseconds. */
export function readingMs(text: string): number {
  const characters = [...text.replaceAll(/\s+/gu, ' ')].length;
  return (characters * 1_000) / (isWide(text) ? READING_SPEED.wide : READING_SPEED.alphabet);
}
