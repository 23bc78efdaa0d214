// Word latency: from a word's end in the audio to its first appearance, as stable text and at all.
import { displayedWords, type FinalMessage } from '@sotto/protocol';
import type { Span } from '../audio/recordings.js';
import type { SegmentTrace } from './segment-trace.js';
import { alignWords, bareWord } from './word-alignment.js';

/** When a word of a final was first shown, and when as stable. */
export interface SettledWord {
  readonly text: string;
  /** The server's end of the word, milliseconds of audio. */
  readonly endMs: number;
  /** When the client first saw the word as stable; the final's arrival if no partial had it. */
  readonly stableAtMs: number;
  /** When the client first saw the word at all, stable or tentative; the final's arrival if no partial had it. */
  readonly shownAtMs: number;
  /** Whether a partial had it as stable. */
  readonly wasPartial: boolean;
  /** Whether a partial had it at all. */
  readonly wasShown: boolean;
}

/**
 * The words of a segment's final with the moment at which each first stood in stable text. The last stable text is
 * aligned with the final (case and outer punctuation aside); a word of the final that it holds appeared with the first
 * partial that has the same word at the same place of the stable text, all others with the final.
 */
export function settledWords({ partials, final }: SegmentTrace): SettledWord[] {
  if (final === undefined) return [];
  const words = final.message.words ?? [];
  const shown = stableWords(partials);
  const { matches } = alignWords(
    shown.map(({ text }) => text),
    words.map(({ text }) => bareWord(text.trim())),
  );
  const stableAt = new Map(matches.map(([from, to]) => [to, shown[from]?.atMs]));
  const shownAt = firstShown(partials, final.message);
  return words.map((word, index) => {
    const atMs = stableAt.get(index);
    return {
      text: word.text.trim(),
      endMs: word.endMs,
      stableAtMs: atMs ?? final.atMs,
      shownAtMs: shownAt.get(index) ?? final.atMs,
      wasPartial: atMs !== undefined,
      wasShown: shownAt.has(index),
    };
  });
}

/**
 * Words of the last stable text, each with when it first stood there. Stable text only grows, so a place changes only
 * while its word grows.
 */
function stableWords(partials: SegmentTrace['partials']): { text: string; atMs: number }[] {
  const shown: { text: string; atMs: number }[] = [];
  for (const { atMs, partial } of partials) {
    displayedWords(partial.stable).forEach((word, index) => {
      const text = bareWord(word);
      if (shown[index]?.text !== text) shown[index] = { text, atMs };
    });
  }
  return shown;
}

/**
 * When each word of the final (by its index) first stood in a partial's displayed text. A display is aligned with those
 * words of the final that had begun in the audio which the partial heard, so that a word that is said twice is not
 * taken for its later self.
 */
function firstShown(partials: SegmentTrace['partials'], { words = [] }: FinalMessage): Map<number, number> {
  const bare = words.map(({ text }) => bareWord(text.trim()));
  const shownAt = new Map<number, number>();
  for (const { atMs, partial } of partials) {
    const heard = words.filter(({ startMs }) => startMs < partial.endMs).length;
    const display = displayedWords(partial.stable + partial.tentative).map(bareWord);
    for (const [, index] of alignWords(display, bare.slice(0, heard)).matches) {
      if (!shownAt.has(index)) shownAt.set(index, atMs);
    }
  }
  return shownAt;
}

/**
 * True ends of settled words: the words are aligned with the manifest's (case and outer punctuation aside); those that
 * were recognised right get the true end, the others are left out.
 */
export function withTrueEnds(settled: readonly SettledWord[], truth: readonly Span[]): SettledWord[] {
  const { matches } = alignWords(
    settled.map(({ text }) => bareWord(text)),
    truth.map(({ text }) => bareWord(text)),
  );
  return matches.flatMap(([from, to]) => {
    const [word, span] = [settled[from], truth[to]];
    return word === undefined || span === undefined ? [] : [{ ...word, endMs: span.endMs }];
  });
}
