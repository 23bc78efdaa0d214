// Breaks the text of a cue into lines of about the same length.
import stringWidth from 'string-width';
import { pieces, wrapText } from './wrap-text.js';

/** Lines of a cue and columns of a line: the usual limits of subtitle style guides. */
export const CAPTION_LINES = 2;
export const CAPTION_COLUMNS = 42;
/**
 * The limit for text with Chinese, Japanese or Korean in it: 18 characters, of two columns each (style guides say 16 to
 * 18).
 */
export const WIDE_CAPTION_COLUMNS = 36;

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** Whether a text has characters of scripts that are read by the character. */
export function isWide(text: string): boolean {
  return WIDE.test(text);
}

/** Columns that a line of the text may take. */
export function columnsOf(text: string): number {
  return isWide(text) ? WIDE_CAPTION_COLUMNS : CAPTION_COLUMNS;
}

/** How many lines the text takes. */
export function lineCount(text: string, columns: number = columnsOf(text)): number {
  return wrapText(text, columns, 'word').length;
}

/** Behind these a reader rests: a line that ends here reads best. */
const CLAUSE_END = /[,;:.!?…，、；：。！？—–]["'”’」』）)»]*\s*$/u;
/** Lines of a text that ends its first one with a clause: the shorter one has this share of the longer at least. */
const CLAUSE_EVENNESS = 0.5;

/**
 * The text in as few lines as it takes, none wider than `columns` (at least 2). Two lines part where a clause ends, if
 * neither gets much shorter for it. Else they are as even as word borders allow: the narrowest width that needs no
 * further line leaves no lonely word on the last.
 */
export function captionLines(text: string, columns: number = columnsOf(text)): string[] {
  const count = lineCount(text, columns);
  return (count === 2 ? clauses(text, columns) : undefined) ?? evenLines(text, columns, count);
}

/** The most even of the two lines that part behind a clause; undefined where none fits. */
function clauses(text: string, columns: number): string[] | undefined {
  let best: { evenness: number; lines: string[] } = { evenness: CLAUSE_EVENNESS, lines: [] };
  for (const { start } of pieces(text, 'word')) {
    if (!CLAUSE_END.test(text.slice(0, start))) continue;
    const lines = [text.slice(0, start).trim(), text.slice(start).trim()];
    const [shorter = 0, longer = 0] = lines.map((line) => stringWidth(line)).toSorted((a, b) => a - b);
    const evenness = shorter / longer;
    if (longer <= columns && evenness >= best.evenness) best = { evenness, lines };
  }
  return best.lines.length === 0 ? undefined : best.lines;
}

function evenLines(text: string, columns: number, count: number): string[] {
  // No narrower than the widest word, which would be torn apart.
  const widestWord = Math.max(2, ...[...pieces(text, 'word')].map((piece) => stringWidth(piece.text.trimEnd())));
  let width = Math.min(columns, Math.max(widestWord, Math.ceil(stringWidth(text) / Math.max(1, count))));
  while (width < columns && lineCount(text, width) > count) width++;
  return wrapText(text, width, 'word').map((line) => line.text);
}
