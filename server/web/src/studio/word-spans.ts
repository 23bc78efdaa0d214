// Cuts a settled text into words that have times and what stands between them (protocol rule SP8).
import type { Word } from '@sotto/client';

export interface TextPiece {
  readonly text: string;
  /** Absent for what stands between words. */
  readonly word?: Word;
}

/** The pieces in order; together they are the text. Words that are not found in it are left out. */
export function wordSpans(text: string, words: readonly Word[] = []): TextPiece[] {
  const pieces: TextPiece[] = [];
  let cursor = 0;
  for (const word of words) {
    const from = text.indexOf(word.text, cursor);
    if (from === -1) continue;
    if (from > cursor) pieces.push({ text: text.slice(cursor, from) });
    cursor = from + word.text.length;
    pieces.push({ text: word.text, word });
  }
  if (cursor < text.length) pieces.push({ text: text.slice(cursor) });
  return pieces;
}
