// Tells a text that is complete from one whose speaker only pauses.
import type { DecodeResult } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';

/** The mark at the end of a sentence, with what closes behind it. Three dots say that it goes on. */
const SENTENCE_END = /(?<!\.\.)[.?!。？！।։؟]["'”’»)\]]*$/u;
/** Languages that are written without spaces are mostly heard without marks too. */
const NO_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u;
/** Whether a text ends with such a mark. */
export function endsSentence(text: string): boolean {
  return SENTENCE_END.test(text);
}

/**
 * Whisper closes nearly every window with a full stop, whether the sentence is over or not, but it is less sure of it
 * in mid-sentence. Log-probability of the mark that is believed: 0.7.
 */
const MARK_LOGPROB_MIN = Math.log(0.7);
/** Where there are no marks: log-probability of the end of the text, 0.5. */
const END_LOGPROB_MIN = Math.log(0.5);

/** Whether a text that was heard up to a pause says a complete sentence. */
export function isCompleteSentence({ tokens, endLogprob }: DecodeResult, tokenizer: EngineTokenizer): boolean {
  const last = tokens.at(-1);
  if (last === undefined || endLogprob === null) return false;
  const text = tokenizer.decode(tokens.map(({ id }) => id)).trim();
  if (SENTENCE_END.test(text)) return last.logprob >= MARK_LOGPROB_MIN;
  return NO_SPACES.test(text) && endLogprob >= END_LOGPROB_MIN;
}
