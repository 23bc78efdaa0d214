// What hotwords do to a recogniser: errors on the terms that were said, and on all other words.
import { align } from '@sotto/models';
import type { LoadedRecording } from '../audio/playlist.js';
import { comparedUnits } from '@sotto/models';

export interface TermErrors {
  /** Units of terms that were said, and those of them that were not heard. */
  terms: number;
  termErrors: number;
  /** Other units that were said; those that were not heard, and whatever was heard too much. */
  others: number;
  otherErrors: number;
}

/** Counts a text against what was said. `terms`: the units that are terms; in Chinese where they lie in the text. */
export function countTermErrors(
  { text, language }: Pick<LoadedRecording, 'text' | 'language'>,
  heard: string,
  isTerm: (unit: string, at: number) => boolean,
  counts: TermErrors,
): void {
  let at = 0;
  for (const { before, after } of align(comparedUnits(text, language), comparedUnits(heard, language), (a, b) =>
    a === b ? 0 : 1,
  )) {
    if (before === undefined) {
      counts.otherErrors++;
      continue;
    }
    const wrong = before === after ? 0 : 1;
    if (isTerm(before, at)) {
      counts.terms++;
      counts.termErrors += wrong;
    } else {
      counts.others++;
      counts.otherErrors += wrong;
    }
    at++;
  }
}
