// The tokens that OpenAI's models never choose, found in a vocabulary as openai/whisper `tokenizer.py` finds them.
import type { WhisperTokenizer } from '../../tokenizer/index.js';

/** Marks that captions have and speech has not. */
const SYMBOLS = [
  ...'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
  ...'<< >> <<< >>> -- --- -( -[ (\' (" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪'.split(' '),
];
/** Of these the first token alone is suppressed: they are several. */
const NOTES = [...'♩♪♫♬♭♮♯'];

/** Ascending: `non_speech_tokens`, and the special tokens that are never part of a transcript. */
export function suppressedTokens(tokenizer: WhisperTokenizer): number[] {
  const { special } = tokenizer;
  // Between words a hyphen and an apostrophe stay, at the beginning of a word they go.
  const chosen = new Set([tokenizer.encode(' -')[0], tokenizer.encode(" '")[0]]);
  for (const symbol of [...SYMBOLS, ...NOTES]) {
    for (const text of [symbol, ` ${symbol}`]) {
      const ids = tokenizer.encode(text);
      if (ids.length === 1 || NOTES.includes(symbol)) chosen.add(ids[0]);
    }
  }
  const steering = [
    special.startOfTranscript,
    special.translate,
    special.transcribe,
    special.startOfPrevious,
    // <|startoflm|> stands before it in every vocabulary, and nothing else asks for it.
    special.startOfPrevious - 1,
    special.noSpeech,
  ];
  return [...chosen, ...steering].filter((id) => id !== undefined).sort((a, b) => a - b);
}

/** A text begins with neither a blank nor its end. */
export function beginSuppressedTokens(tokenizer: WhisperTokenizer): number[] {
  return [...tokenizer.encode(' ').slice(0, 1), tokenizer.special.endOfText];
}
