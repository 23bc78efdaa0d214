// What a window is told of the text before it: hotwords, then the end of the previous text.
import type { EngineTokenizer } from '../tokenizer.js';

/**
 * Tokens of previous text that a window sees. Whisper allows 223 (half its text context); a live stream decodes the
 * prompt again with every partial, and the last sentences carry what names and style need.
 */
const PREVIOUS_TOKENS_MAX = 96;
/**
 * Tokens of hotwords: short lists help, long ones are known to hurt. Terms beyond it are left out, the last ones first.
 */
const HOTWORD_TOKENS_MAX = 64;

/** Token ids for {@link DecodePrompt.previous}; the newest text last, since that is what the model weighs most. */
export function previousTokens(
  tokenizer: EngineTokenizer,
  previousText: string,
  hotwords: readonly string[],
): number[] {
  const terms: string[] = [];
  let glossary: number[] = [];
  for (const term of hotwords) {
    const longer = tokenizer.encodePrevious(`${[...terms, term.trim()].join(', ')}.`);
    if (longer.length > HOTWORD_TOKENS_MAX) break;
    terms.push(term.trim());
    glossary = longer;
  }
  return [...glossary, ...lastTokens(tokenizer, previousText)];
}

/** The last tokens of a text, from the beginning of a word on. */
function lastTokens(tokenizer: EngineTokenizer, text: string): number[] {
  const tokens = tokenizer.encodePrevious(text);
  if (tokens.length <= PREVIOUS_TOKENS_MAX) return tokens;
  const last = tokens.slice(-PREVIOUS_TOKENS_MAX);
  const wordStart = last.findIndex((token) => tokenizer.decode([token]).startsWith(' '));
  return wordStart > 0 ? last.slice(wordStart) : last;
}
