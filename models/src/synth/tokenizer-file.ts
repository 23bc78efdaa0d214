// A tokenizer.json with Whisper's vocabulary by number: every special token at its place, the text tokens made up.
import { BYTE_CHARACTERS } from '../tokenizer/byte-level.js';
import { specialNames, tokenizerFile } from '../tokenizer/tokenizer-file.js';

/** Text tokens of the multilingual vocabulary: <|endoftext|> is the first number behind them. */
const TEXT_TOKENS = 50_257;
export interface Vocabulary {
  readonly size: number;
  readonly endOfText: number;
  readonly startOfTranscript: number;
  /** The content of tokenizer.json. */
  readonly file: Readonly<Record<string, unknown>>;
}

/** Tokens of the vocabulary with so many languages. */
export function vocabularySize(languages: 99 | 100): number {
  return TEXT_TOKENS + specialNames(languages).length;
}

export function synthVocabulary(languages: 99 | 100): Vocabulary {
  const words = Array.from({ length: TEXT_TOKENS - BYTE_CHARACTERS.length }, (_, i) => `Ġ${letters(i)}`);
  return {
    size: vocabularySize(languages),
    endOfText: TEXT_TOKENS,
    startOfTranscript: TEXT_TOKENS + 1,
    // Text is spelled byte by byte: the made-up words are only ever written by the model.
    file: tokenizerFile([...BYTE_CHARACTERS, ...words], specialNames(languages)),
  };
}

/** 0: aa, 1: ab, ... 26: ba: at least two letters, no number twice. */
function letters(index: number): string {
  let text = '';
  for (let rest = index, length = 0; rest > 0 || length < 2; length++, rest = Math.floor(rest / 26)) {
    text = String.fromCharCode(97 + (rest % 26)) + text;
  }
  return text;
}
