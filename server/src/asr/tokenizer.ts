// What recognition needs of a model's tokenizer. Another model family brings its own.
import { WhisperTokenizer, type TokenWord } from '@sotto/models';

export interface EngineTokenizer {
  /** Token ids of text that comes before a window; empty for blank text. */
  encodePrevious(text: string): number[];
  /** Token ids of text as it stands, its spaces included. */
  encode(text: string): number[];
  /** The text of token ids; broken characters become U+FFFD. */
  decode(ids: Iterable<number>): string;
  /** Where the words lie among text tokens: every token is in exactly one word. */
  words(ids: readonly number[], language: string): TokenWord[];
}

/** Reads the tokenizer in a model's folder: the one place that knows which family it is. Rejects with ModelError. */
export function loadTokenizer(directory: string): Promise<EngineTokenizer> {
  return WhisperTokenizer.load(directory);
}
