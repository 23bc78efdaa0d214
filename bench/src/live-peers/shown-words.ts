// When each word that was said stood in what a peer showed: the same for every peer, whatever its messages are.
import { displayedWords } from '@sotto/protocol';
import { placedSpans, type PlacedRecording } from '../audio/playlist.js';
import { spokenSpans } from '../audio/speech-by-level.js';
import { alignWords, bareWord } from '../stream/word-alignment.js';
import type { LiveStream, TimedText } from './play-live.js';

/** A word of the reference, and what became of it. Times in milliseconds of the stream. */
export interface SaidWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Whether the times are the manifest's; else they are spread over the recording's speech by length. */
  readonly isTimed: boolean;
  /** First text that held it. */
  shownAtMs?: number;
  /** First settled text that held it. */
  settledAtMs?: number;
  /** From here on every text held it, to the end. */
  restsAtMs?: number;
  /** Whether the last text holds it. */
  isRight: boolean;
}

export interface HeardRecording {
  readonly speechStartMs: number;
  readonly speechEndMs: number;
  readonly words: readonly SaidWord[];
}

/**
 * Aligns each text that was shown with those words of the reference that had begun by then, case and outer punctuation
 * aside, so that a word that is said twice is not taken for its later self.
 */
export function heardRecordings({ playlist, shown }: LiveStream): HeardRecording[] {
  const recordings = playlist.placed.filter(({ recording }) => recording.text !== '').map(recordingOf);
  const words = recordings.flatMap((recording) => recording.words);
  const reference = words.map(({ text }) => bareWord(text));
  const heardIn = (text: string, atMs: number): SaidWord[] => {
    const begun = words.filter(({ startMs }) => startMs < atMs).length;
    const display = displayedWords(text).map(bareWord);
    return alignWords(display, reference.slice(0, begun)).matches.flatMap(([, index]) => words[index] ?? []);
  };
  let settled = '';
  for (const one of distinct(shown)) {
    const held = new Set(heardIn(`${one.settled} ${one.tentative}`, one.atMs));
    for (const word of words) {
      if (!held.has(word)) delete word.restsAtMs;
      else {
        word.shownAtMs ??= one.atMs;
        word.restsAtMs ??= one.atMs;
      }
      word.isRight = held.has(word);
    }
    if (one.settled === settled) continue;
    settled = one.settled;
    for (const word of heardIn(settled, one.atMs)) word.settledAtMs ??= one.atMs;
  }
  return recordings;
}

/** Displayed words that the next text changed or removed, over all texts of a stream. */
export function revisedWords(shown: readonly TimedText[]): number {
  let [revised, before] = [0, [] as string[]];
  for (const { settled, tentative } of distinct(shown)) {
    const now = displayedWords(`${settled} ${tentative}`);
    // What both begin with need not be aligned.
    let same = 0;
    while (same < before.length && before[same] === now[same]) same++;
    const { substitutions, deletions } = alignWords(before.slice(same), now.slice(same));
    revised += substitutions + deletions;
    before = now;
  }
  return revised;
}

/** All that a stream showed last. */
export function lastText(shown: readonly TimedText[]): string {
  const last = shown.at(-1);
  return last === undefined ? '' : `${last.settled} ${last.tentative}`.trim();
}

/** Without those that say the same as the one before. */
const distinct = (shown: readonly TimedText[]): TimedText[] =>
  shown.filter(({ settled, tentative }, index) => {
    const before = shown[index - 1];
    return settled !== before?.settled || tentative !== before.tentative;
  });

function recordingOf(placed: PlacedRecording): HeardRecording {
  const { recording, startMs, endMs } = placed;
  const timed = placedSpans(placed, recording.words);
  const loud = placedSpans(placed, spokenSpans(recording));
  // An aligner lets the first word begin with the recording, and the last end with it: speech lies within both.
  const speechStartMs = Math.max(timed[0]?.startMs ?? startMs, loud[0]?.startMs ?? startMs);
  const speechEndMs = Math.min(timed.at(-1)?.endMs ?? endMs, loud.at(-1)?.endMs ?? endMs);
  const words =
    timed.length > 0
      ? timed.flatMap((span) => displayedWords(span.text).map((text) => ({ ...span, text })))
      : spread(displayedWords(recording.text), speechStartMs, speechEndMs);
  return {
    speechStartMs,
    speechEndMs,
    words: words.map((word) => ({ ...word, isTimed: timed.length > 0, isRight: false })),
  };
}

function spread(
  words: readonly string[],
  startMs: number,
  endMs: number,
): Pick<SaidWord, 'text' | 'startMs' | 'endMs'>[] {
  const letters = words.reduce((sum, { length }) => sum + length, 0);
  const msOfLetter = (endMs - startMs) / letters;
  let at = startMs;
  return words.map((text) => {
    const from = at;
    at += text.length * msOfLetter;
    return { text, startMs: from, endMs: at };
  });
}
