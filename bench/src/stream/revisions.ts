// How restless the displayed text is: words that were shown and then changed or removed.
import { displayedWords } from '@sotto/protocol';
import type { SegmentTrace } from './segment-trace.js';
import { alignWords, bareWord } from './word-alignment.js';

export interface Revisions {
  /** Displayed words that the next display changed or removed, over all steps up to the final. */
  readonly revised: number;
  /** Words of the final. */
  readonly finalWords: number;
  /** Words of the last stable text. */
  readonly stableWords: number;
  /** Words of the last stable text that the final does not have, case and outer punctuation aside. */
  readonly stableCorrected: number;
}

/**
 * Compares each displayed text (stable + tentative) with the next by a minimal edit alignment: a substituted or deleted
 * word is one revision; words that only grow the text are none. Words are compared as shown, with case and punctuation.
 */
export function revisionsOf({ partials, final }: SegmentTrace): Revisions {
  if (final === undefined) return { revised: 0, finalWords: 0, stableWords: 0, stableCorrected: 0 };
  const displays = partials.map(({ partial }) => displayedWords(partial.stable + partial.tentative));
  const finalWords = displayedWords(final.message.text);
  displays.push(finalWords);
  let revised = 0;
  for (let step = 1; step < displays.length; step++) {
    const { substitutions, deletions } = alignWords(displays[step - 1] ?? [], displays[step] ?? []);
    revised += substitutions + deletions;
  }
  const stable = displayedWords(partials.at(-1)?.partial.stable ?? '').map(bareWord);
  const kept = alignWords(stable, finalWords.map(bareWord));
  return {
    revised,
    finalWords: finalWords.length,
    stableWords: stable.length,
    stableCorrected: stable.length - kept.matches.length,
  };
}
