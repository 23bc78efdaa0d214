// How long after it was spoken each word of one utterance was first shown.
import { displayedWords, type FinalMessage, type PartialMessage } from '@sotto/protocol';

/** Partials of one utterance that are remembered: more than one has in 30 s at the shortest interval. */
const PARTIALS_MAX = 512;

interface Shown {
  readonly at: number;
  /** End of the audio that it had heard, milliseconds of the stream. */
  readonly endMs: number;
  readonly text: string;
}

export class WordLatency {
  readonly #shown: Shown[] = [];

  /** A partial was sent (milliseconds of any steady clock). */
  partial({ stable, tentative, endMs }: PartialMessage, now: number): void {
    if (this.#shown.length >= PARTIALS_MAX) return;
    this.#shown.push({ at: now, endMs, text: stable + tentative });
  }

  /**
   * Milliseconds from each word's end to the first partial that showed this word, stable or not, or to the final: what
   * stood in its place before was not what was said. Empty where the client wants no words. `spokenAt`: when a place of
   * the stream was spoken, by the same clock.
   */
  final({ words = [] }: FinalMessage, now: number, spokenAt: (streamMs: number) => number): number[] {
    const said = words.map(({ text }) => bareWord(text));
    const shownAt: (number | undefined)[] = words.map(() => undefined);
    let missing = words.length;
    for (const { at, endMs, text } of this.#shown) {
      if (missing === 0) break;
      // A word that is said twice is not taken for its later self.
      const begun = words.findIndex(({ startMs }) => startMs >= endMs);
      for (const index of commonWords(displayedWords(text).map(bareWord), begun < 0 ? said : said.slice(0, begun))) {
        if (shownAt[index] !== undefined) continue;
        shownAt[index] = at;
        missing--;
      }
    }
    return words.map(({ endMs }, index) => (shownAt[index] ?? now) - spokenAt(endMs));
  }
}

/** Without case and outer marks. */
function bareWord(word: string): string {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
}

/** The places in `said` of as many words as both have in the same order. What both begin with costs next to nothing. */
function commonWords(shown: readonly string[], said: readonly string[]): number[] {
  let same = 0;
  while (same < shown.length && shown[same] === said[same]) same++;
  const found = Array.from({ length: same }, (_, index) => index);
  const [rows, columns] = [shown.length - same, said.length - same];
  if (rows === 0 || columns <= 0) return found;
  const width = columns + 1;
  /** How many there are behind a place of both. */
  const behind = new Uint16Array((rows + 1) * width);
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      const at = row * width + column;
      const isSame = shown[same + row] === said[same + column];
      const skipped = Math.max(behind[at + width] ?? 0, behind[at + 1] ?? 0);
      behind[at] = isSame ? (behind[at + width + 1] ?? 0) + 1 : skipped;
    }
  }
  for (let row = 0, column = 0; row < rows && column < columns;) {
    const at = row * width + column;
    if (shown[same + row] === said[same + column]) {
      found.push(same + column);
      row++;
      column++;
    } else if ((behind[at + width] ?? 0) >= (behind[at + 1] ?? 0)) row++;
    else column++;
  }
  return found;
}
