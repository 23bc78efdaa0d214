// Cuts segments into subtitle cues: short enough to read, at word borders, with the words' times.
import type { FinalMessage, Word } from '@sotto/protocol';
import stringWidth from 'string-width';
import { CAPTION_LINES, columnsOf, lineCount, isWide } from './caption-lines.js';
import { pieces } from './wrap-text.js';

/** One transcribed stretch of speech, from a server or from whole-file decoding. */
export interface TranscriptSegment extends Pick<FinalMessage, 'text' | 'startMs' | 'endMs'> {
  readonly words?: readonly Word[] | undefined;
}

export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** A cue stands for at most this long, milliseconds: the usual limit of subtitle style guides. */
export const CUE_MS_MAX = 7_000;
/** A sentence that ends after this, milliseconds, ends its cue. */
const CUE_MS_MIN = 1_000;
const SENTENCE_END = /[.!?。！？…]["'”’」）)]*$/u;

/** The cues of one segment. Where it has no word times, they are guessed from the width of the words. */
export function cuesOf(segment: TranscriptSegment): Cue[] {
  const timed = placeWords(segment);
  const words = timed.length > 0 ? timed : guessWords(segment);
  const cues: Cue[] = [];
  let first = 0;
  for (let index = 0; index < words.length; index++) {
    if (index + 1 === words.length || endsCue(words.slice(first, index + 2), segment.text)) {
      cues.push(cueOf(words.slice(first, index + 1), words[index + 1], segment.text));
      first = index + 1;
    }
  }
  return cues;
}

interface PlacedWord {
  readonly startMs: number;
  readonly endMs: number;
  /** Where the word stands in the segment's text. */
  readonly from: number;
  readonly to: number;
}

/**
 * Finds each word in the text, so that cues keep its spaces and punctuation (rule SP8). Words that are not there are
 * left out.
 */
function placeWords({ text, words = [] }: TranscriptSegment): PlacedWord[] {
  const placed: PlacedWord[] = [];
  let cursor = 0;
  for (const { text: word, startMs, endMs } of words) {
    const from = text.indexOf(word, cursor);
    if (from === -1) continue;
    cursor = from + word.length;
    placed.push({ startMs, endMs, from, to: cursor });
  }
  return placed;
}

/** Words as if each column of the text took equally long to say. */
function guessWords({ text, startMs, endMs }: TranscriptSegment): PlacedWord[] {
  const words = [...pieces(text)].filter((piece) => piece.text.trim() !== '');
  const widths = words.map((word) => stringWidth(word.text));
  const columns = widths.reduce((total, width) => total + width, 0);
  let column = 0;
  const timeHere = (): number => startMs + ((endMs - startMs) * column) / Math.max(1, columns);
  return words.map((word, index) => {
    const begin = timeHere();
    column += widths[index] ?? 0;
    return { startMs: begin, endMs: timeHere(), from: word.start, to: word.start + word.text.trimEnd().length };
  });
}

/** Whether the cue ends before the last of `words`. */
function endsCue(words: readonly PlacedWord[], text: string): boolean {
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

function cueOf(words: readonly PlacedWord[], next: PlacedWord | undefined, text: string): Cue {
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
