// Breaks text into lines by the columns that it takes on a screen: a Chinese character takes two, a combining mark
// none.
import stringWidth from 'string-width';

/** A line and where it begins in the text (UTF-16 code units). */
export interface TextLine {
  readonly start: number;
  readonly text: string;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** Characters that a line may be broken on either side of: those of scripts without spaces. */
const BREAKABLE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const PUNCTUATION = /^\p{P}/u;

/**
 * The lines of `text`, none wider than `columns` (at least 2). Breaks at spaces, which vanish at the break, and between
 * characters of scripts without spaces; what is wider than a line is broken where the line ends.
 */
export function wrapText(text: string, columns: number): TextLine[] {
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
  const append = (part: string, at: number) => {
    end = at + part.length;
    width += stringWidth(part);
  };
  for (const { text: piece, start: at } of pieces(text)) {
    const visible = stringWidth(piece.trimEnd());
    if (width > 0 && width + visible > columns) breakLine(at);
    if (visible <= columns) {
      append(piece, at);
      continue;
    }
    for (const { segment, index } of segmenter.segment(piece)) {
      if (width > 0 && width + stringWidth(segment) > columns) breakLine(at + index);
      append(segment, at + index);
    }
  }
  if (text.slice(start).trim() !== '') breakLine(text.length);
  return lines;
}

/**
 * What must stay on one line: words with the spaces behind them, or single characters of scripts without spaces and
 * their punctuation.
 */
export function* pieces(text: string): Generator<TextLine> {
  let start = 0;
  let last = '';
  for (const { segment, index } of segmenter.segment(text)) {
    const afterSpace = last.trim() === '' && segment.trim() !== '';
    const besideBreakable =
      segment.trim() !== '' && (BREAKABLE.test(segment) || BREAKABLE.test(last)) && !PUNCTUATION.test(segment);
    if (last !== '' && (afterSpace || besideBreakable)) {
      yield { start, text: text.slice(start, index) };
      start = index;
    }
    last = segment;
  }
  if (start < text.length) yield { start, text: text.slice(start) };
}
