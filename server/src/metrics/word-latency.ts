// How long after it was spoken each word of one utterance was first shown.
import { displayedWords, type FinalMessage, type PartialMessage } from '@sotto/protocol';

/** Partials of one utterance that are remembered: more than one has in 30 s at the shortest interval. */
const PARTIALS_MAX = 512;

interface Shown {
  readonly at: number;
  /** End of the audio that it had heard, milliseconds of the stream. */
  readonly endMs: number;
  readonly words: number;
}

export class WordLatency {
  readonly #shown: Shown[] = [];

  /** A partial was sent (milliseconds of any steady clock). */
  partial({ stable, tentative, endMs }: PartialMessage, now: number): void {
    if (this.#shown.length >= PARTIALS_MAX) return;
    this.#shown.push({ at: now, endMs, words: displayedWords(stable + tentative).length });
  }

  /**
   * Milliseconds from each word's end to the first partial that had as many words and had heard its beginning, or to
   * the final. Empty where the client wants no words. `spokenAt`: when a place of the stream was spoken, by the same
   * clock.
   */
  final({ words = [] }: FinalMessage, now: number, spokenAt: (streamMs: number) => number): number[] {
    return words.map(({ startMs, endMs }, index) => {
      const first = this.#shown.find((shown) => shown.words > index && shown.endMs > startMs);
      return (first?.at ?? now) - spokenAt(endMs);
    });
  }
}
