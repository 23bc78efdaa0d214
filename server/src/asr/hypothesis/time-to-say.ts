// Takes from a text what there was no time to say: further copies of a loop, and words behind those that fit.
import type { DecodedToken } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { areTooMany, type Loop, type Sound, speechMsBehind, WORD_MS } from './hallucination-guards.js';
import { wordsIn } from './spoken-words.js';

/**
 * What a word takes that is said again and again, milliseconds: 20 times "go" and "no" with the pauses between them
 * were said in 560 to 630 ms each. The detector takes some of the pauses for speech, others not.
 */
const COPY_MS = 450;
/** A run of so many words that stands twice in a text is a repetition. */
const REPEATED_WORDS_MIN = 8;

/**
 * The words before a loop and what was heard of it: one copy of a phrase, of a single word as many as there was time
 * for.
 */
export function withoutSurplusCopies(
  tokens: readonly DecodedToken[],
  { start, period }: Loop,
  sound: Sound,
  tokenizer: EngineTokenizer,
): readonly DecodedToken[] {
  const copy = tokens.slice(start, start + period);
  const isWord = wordsIn(tokenizer.decode(copy.map(({ id }) => id))).length === 1;
  const most = isWord ? Math.max(1, Math.floor(speechMsBehind(tokens.slice(0, start), sound) / COPY_MS)) : 1;
  const copies = Math.floor((tokens.length - start) / period);
  return tokens.slice(0, start + Math.min(most, copies) * period);
}

/**
 * Of a text that says a run of words twice, in no time for it, the words that there was time for; any other as it is.
 */
export function withinTime(
  tokens: readonly DecodedToken[],
  sound: Sound,
  tokenizer: EngineTokenizer,
): readonly DecodedToken[] {
  const wordsBefore = (end: number): readonly string[] =>
    wordsIn(tokenizer.decode(tokens.slice(0, end).map(({ id }) => id)));
  const words = wordsBefore(tokens.length);
  if (!areTooMany(words.length, sound) || !saysRunTwice(words)) return tokens;
  const most = Math.floor(sound.audioMs / WORD_MS);
  const past = tokens.findIndex((_, at) => wordsBefore(at + 1).length > most);
  return past < 0 ? tokens : tokens.slice(0, past);
}

function saysRunTwice(words: readonly string[]): boolean {
  const runs = new Set<string>();
  for (let at = 0; at + REPEATED_WORDS_MIN <= words.length; at += 1) {
    const run = words
      .slice(at, at + REPEATED_WORDS_MIN)
      .join(' ')
      .toLowerCase();
    if (runs.has(run)) return true;
    runs.add(run);
  }
  return false;
}
