// The content of a tokenizer.json of Whisper's kind, made of its parts, and the special tokens of OpenAI's
// vocabularies.

/** openai/whisper `tokenizer.py` LANGUAGES, in its order. */
const LANGUAGES = (
  'en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ' +
  'ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd ' +
  'gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue'
).split(' ');

/** <|0.00|> to <|30.00|> by 20 ms. */
const TIMESTAMPS = Array.from({ length: 1_501 }, (_, i) => `<|${(i * 0.02).toFixed(2)}|>`);

/** openai/whisper `model.py`: smaller vocabularies are English-only. */
export function isMultilingualVocabulary(size: number): boolean {
  return size >= 51_865;
}

/** Whisper's special tokens in their order, with so many languages. */
export function specialNames(languages: number): string[] {
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
    ...TIMESTAMPS,
  ];
}

/**
 * The special tokens of a vocabulary of `size`, and how many text tokens are before them; `undefined` for a size that
 * no
 * model of OpenAI's has. GPT-2's vocabulary has one text token less than the multilingual one.
 */
export function specialNamesOfSize(size: number): { textTokens: number; names: string[] } | undefined {
  const textTokens = isMultilingualVocabulary(size) ? 50_257 : 50_256;
  return [99, 100]
    .map((languages) => ({ textTokens, names: specialNames(languages) }))
    .find(({ names }) => textTokens + names.length === size);
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
