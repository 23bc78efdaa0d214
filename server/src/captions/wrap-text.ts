// Breaks text into lines by the columns that it takes on a screen: a Chinese character takes two, a combining mark
// none.
import stringWidth from 'string-width';

/** A line and where it begins in the text (UTF-16 code units). */
export interface TextLine {
  readonly start: number;
  readonly text: string;
}

/** What stays together of scripts without spaces: a terminal fills its lines, a subtitle keeps words whole. */
export type WrapUnit = 'grapheme' | 'word';

const SEGMENTERS = {
  grapheme: new Intl.Segmenter(undefined, { granularity: 'grapheme' }),
  // By a dictionary, which is the same in every locale.
  word: new Intl.Segmenter(undefined, { granularity: 'word' }),
} as const;
/** Scripts without spaces: a line may be broken on either side of a unit of theirs. */
const BREAKABLE = {
  grapheme: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u,
  word: /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u,
} as const;
const PUNCTUATION = /^\p{P}/u;
/** Opening brackets and quotes begin a line, and never end one. */
const OPENING = /[\p{Ps}\p{Pi}]$/u;
/** Behind these a word that is wider than a line is torn, if it can be: an address or a path. */
const TEARABLE = /[/?&=#._~,:;@\\-]/u;

/**
 * The lines of `text`, none wider than `columns` (at least 2). Breaks at spaces, which vanish at the break, and between
 * units of scripts without spaces; what is wider than a line is torn.
 */
export function wrapText(text: string, columns: number, unit: WrapUnit = 'grapheme'): TextLine[] {
  const lines: TextLine[] = [];
  let start = 0;
  let end = 0;
  let width = 0;
  const breakLine = (at: number) => {
    lines.push({ start, text: text.slice(start, end).trimEnd() });
    start = at;
    end = at;
    width = 0;
  };
  for (const { text: piece, start: at } of pieces(text, unit)) {
    for (const part of tear(piece, columns)) {
      if (width > 0 && width + stringWidth(part.text.trimEnd()) > columns) breakLine(at + part.start);
      end = at + part.start + part.text.length;
      width += stringWidth(part.text);
    }
  }
  if (text.slice(start).trim() !== '') breakLine(text.length);
  return lines;
}

/**
 * What must stay on one line: words with the spaces behind them, or units of scripts without spaces and their
 * punctuation.
 */
export function* pieces(text: string, unit: WrapUnit = 'grapheme'): Generator<TextLine> {
  let start = 0;
  let last = '';
  for (const { segment, index } of SEGMENTERS[unit].segment(text)) {
    const isSpace = segment.trim() === '';
    const afterSpace = last.trim() === '' && !isSpace && !(unit === 'word' && joinsAcrossSpace(text, index));
    const besideBreakable = !isSpace && (BREAKABLE[unit].test(segment) || BREAKABLE[unit].test(last));
    const mayBreak = besideBreakable && !OPENING.test(last) && (!PUNCTUATION.test(segment) || OPENING.test(segment));
    if (last !== '' && (afterSpace || mayBreak)) {
      yield { start, text: text.slice(start, index) };
      start = index;
    }
    last = segment;
  }
  if (start < text.length) yield { start, text: text.slice(start) };
}

/** French sets a space within its quotes and before these marks: no line begins with them. */
function joinsAcrossSpace(text: string, at: number): boolean {
  return /^[;:!?»](?!\p{L})/u.test(text.slice(at, at + 3)) || /«\s$/u.test(text.slice(Math.max(0, at - 2), at));
}

/**
 * The piece, or parts of it where it is wider than `columns`: behind a mark of an address if one stands in the second
 * half of the line, else where the line ends.
 */
export function* tear(piece: string, columns: number): Generator<TextLine> {
  if (stringWidth(piece.trimEnd()) <= columns) return yield { start: 0, text: piece };
  let start = 0;
  let width = 0;
  /** Behind the last mark of the line, and the columns up to there. */
  let mark = { at: 0, width: 0 };
  for (const { segment, index } of SEGMENTERS.grapheme.segment(piece)) {
    const wide = stringWidth(segment);
    // Spaces at the end take no room.
    while (width > 0 && width + wide > columns && piece.slice(index).trim() !== '') {
      const isNear = mark.at > start && mark.width * 2 >= columns;
      const at = isNear ? mark.at : index;
      yield { start, text: piece.slice(start, at) };
      width -= isNear ? mark.width : width;
      start = at;
    }
    width += wide;
    if (TEARABLE.test(segment)) mark = { at: index + segment.length, width };
  }
  yield { start, text: piece.slice(start) };
}
