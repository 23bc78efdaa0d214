// Breaks the text of a cue into lines of about the same length.
import stringWidth from 'string-width';
import { pieces, wrapText } from './wrap-text.js';

/** Lines of a cue and columns of a line: the usual limits of subtitle style guides (a wide character takes two columns, so 21 Chinese ones). */
export const CAPTION_LINES = 2;
export const CAPTION_COLUMNS = 42;

/** How many lines the text takes. */
export function lineCount(text: string, columns: number = CAPTION_COLUMNS): number {
  return wrapText(text, columns).length;
}

/**
 * The text in as few lines as it takes, none wider than `columns` (at least 2), and as even as word borders allow: the narrowest width that needs no
 * further line leaves no lonely word on the last.
 */
export function captionLines(text: string, columns: number = CAPTION_COLUMNS): string[] {
  const count = lineCount(text, columns);
  // No narrower than the widest word, which would be torn apart.
  const widestWord = Math.max(2, ...[...pieces(text)].map((piece) => stringWidth(piece.text.trimEnd())));
  let width = Math.min(columns, Math.max(widestWord, Math.ceil(stringWidth(text) / Math.max(1, count))));
  while (width < columns && lineCount(text, width) > count) width++;
  return wrapText(text, width).map((line) => line.text);
}
