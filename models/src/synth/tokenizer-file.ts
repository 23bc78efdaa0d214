// A tokenizer.json with Whisper's vocabulary by number: every special token at its place, the text tokens made up.
import { BYTE_CHARACTERS } from '../tokenizer/byte-level.js';

/** Text tokens of the multilingual vocabulary: <|endoftext|> is the first number behind them. */
const TEXT_TOKENS = 50_257;
/** <|0.00|> to <|30.00|> by 20 ms. */
const TIMESTAMPS = 1_501;

/** openai/whisper `tokenizer.py` LANGUAGES, in its order. */
const LANGUAGES =
  'en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue'.split(
    ' ',
  );

export interface Vocabulary {
  readonly size: number;
  readonly endOfText: number;
  readonly startOfTranscript: number;
  /** The content of tokenizer.json. */
  readonly file: Readonly<Record<string, unknown>>;
}

/** Tokens of the vocabulary with so many languages. */
export function vocabularySize(languages: 99 | 100): number {
  return TEXT_TOKENS + specialTokens(languages).length;
}

export function synthVocabulary(languages: 99 | 100): Vocabulary {
  const words = Array.from({ length: TEXT_TOKENS - BYTE_CHARACTERS.length }, (_, i) => `Ġ${letters(i)}`);
  return {
    size: vocabularySize(languages),
    endOfText: TEXT_TOKENS,
    startOfTranscript: TEXT_TOKENS + 1,
    // Text is spelled byte by byte: the made-up words are only ever written by the model.
    file: tokenizerFile([...BYTE_CHARACTERS, ...words], specialTokens(languages)),
  };
}

/** The content of a tokenizer.json: text tokens by number, the special ones behind them. */
export function tokenizerFile(
  text: readonly string[],
  special: readonly string[],
  merges: readonly (readonly [string, string])[] = [],
): Readonly<Record<string, unknown>> {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, i) => ({
      id: text.length + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(text.map((entry, id) => [entry, id])),
      merges,
    },
  };
}

function specialTokens(languages: 99 | 100): string[] {
  return [
    '<|endoftext|>',
    '<|startoftranscript|>',
    ...LANGUAGES.slice(0, languages).map((code) => `<|${code}|>`),
    '<|translate|>',
    '<|transcribe|>',
    '<|startoflm|>',
    '<|startofprev|>',
    '<|nospeech|>',
    '<|notimestamps|>',
    ...Array.from({ length: TIMESTAMPS }, (_, i) => `<|${(i * 0.02).toFixed(2)}|>`),
  ];
}

/** 0: aa, 1: ab, ... 26: ba: at least two letters, no number twice. */
function letters(index: number): string {
  let text = '';
  for (let rest = index, length = 0; rest > 0 || length < 2; length++, rest = Math.floor(rest / 26)) {
    text = String.fromCharCode(97 + (rest % 26)) + text;
  }
  return text;
}
