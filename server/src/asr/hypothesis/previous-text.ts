// What a window is told of the text before it: its end, from the beginning of a word on.
import type { EngineTokenizer } from '../tokenizer.js';

/**
 * Tokens of previous text that a window sees. Whisper allows 223 (half its text context); a live stream decodes the
 * prompt again with every partial, and the last sentences carry what names and style need.
 */
const PREVIOUS_TOKENS_MAX = 96;
/** Token ids for {@link DecodePrompt.previous}; the newest text last, since that is what the model weighs most. */
export function previousTokens(tokenizer: EngineTokenizer, text: string): number[] {
  const tokens = tokenizer.encodePrevious(text);
  if (tokens.length <= PREVIOUS_TOKENS_MAX) return tokens;
  const last = tokens.slice(-PREVIOUS_TOKENS_MAX);
  const wordStart = last.findIndex((token) => tokenizer.decode([token]).startsWith(' '));
  return wordStart > 0 ? last.slice(wordStart) : last;
}
