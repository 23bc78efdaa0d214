// Words of a stream that must come once each, against those that came.
import { wordsLost } from '../stream/words-lost.js';

export interface WordCount {
  readonly words: number;
  readonly lost: number;
  /** Came more often than they were said, or were never said. */
  readonly doubled: number;
  /** All came once, in another order. */
  readonly isDisordered: boolean;
}

export function countWords(wanted: readonly string[], got: readonly string[]): WordCount {
  const [lost, doubled] = [wordsLost(wanted, got), wordsLost(got, wanted)];
  const isDisordered = lost === 0 && doubled === 0 && wanted.some((word, at) => word !== got[at]);
  return { words: wanted.length, lost, doubled, isDisordered };
}
