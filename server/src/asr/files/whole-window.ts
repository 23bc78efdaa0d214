// Decodes a window of a file, and again where the model left out what the speaker said.
import type { DecodedToken } from '../engine.js';
import { endsSentence } from '../hypothesis/complete-sentence.js';
import { lettersOf, withoutOverlap } from '../hypothesis/continuation.js';
import { mayBeCopied } from '../hypothesis/copied-text.js';
import { saysAgain } from '../hypothesis/says-again.js';
import { joined, type FinalDecode } from '../hypothesis/final-decode.js';
import { FRAME_SAMPLES } from '../hypothesis/stability-policy.js';
import { attentionRests } from '../hypothesis/word-timing.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { unheardSpeech, type SpokenToken } from './unheard-speech.js';

/** Places of a window that are decoded again, at most. */
const GAPS_MAX = 8;
/**
 * Mean log-probability of the tokens from which a part that was heard alone, between words of a longer text, is
 * believed.
 */
const PART_LOGPROB_MIN = -0.7;

/** A token of a word, and its place among all tokens. */
interface PlacedToken extends DecodedToken, SpokenToken {
  readonly at: number;
}

/** @param speech speech probability of each VAD frame of the audio */
export async function decodeWhole(
  decode: (audio: Float32Array) => Promise<FinalDecode>,
  audio: Float32Array,
  speech: Float32Array,
  tokenizer: EngineTokenizer,
): Promise<FinalDecode> {
  let whole = await decode(audio);
  let heardAtLeast = 0;
  for (let times = 0; times < GAPS_MAX && whole.noise === null; times += 1) {
    if (attentionRests(whole.tokens, whole.language, tokenizer)) break;
    const spoken = spokenTokens(whole, tokenizer);
    const unheard = unheardSpeech(spoken, speech, heardAtLeast);
    if (unheard === undefined || unheard.from >= audio.length) break;
    const { index, heard, from, part } = unheard;
    const at = spoken[heard]?.at ?? whole.tokens.length;
    let next = withRest(whole, at, await decode(audio.subarray(from)), from, tokenizer);
    if (next === whole && at < whole.tokens.length && part.to > part.from) {
      const alone = await decode(audio.subarray(part.from, part.to));
      next = await withPart(whole, at, alone, part.from, tokenizer);
    }
    // What it says there now, or does not say, is not asked again.
    heardAtLeast = (next === whole ? index : heard) + 1;
    whole = next;
  }
  return whole;
}

/** Those of words: marks attend anywhere. */
export function spokenTokens(
  { tokens, language }: Pick<FinalDecode, 'tokens' | 'language'>,
  tokenizer: EngineTokenizer,
): readonly PlacedToken[] {
  const ids = tokens.map(({ id }) => id);
  const wordOf = tokenizer.words(ids, language).flatMap(({ first, past }) => ids.slice(first, past).map(() => first));
  let beginsSentence = true;
  let word: number | undefined;
  return tokens.flatMap((token, at) => {
    const text = tokenizer.decode([token.id]);
    const isWord = lettersOf(text) !== '';
    const spoken = isWord ? [{ ...token, at, beginsSentence, continuesWord: wordOf[at] === word }] : [];
    if (isWord) word = wordOf[at];
    if (text.trim() !== '') beginsSentence = endsSentence(text) || (beginsSentence && !isWord);
    return spoken;
  });
}

/**
 * What was decoded from a sample on in place of the tokens from `at` on, unless it says no more than they do: then it
 * left out even more.
 */
function withRest(
  whole: FinalDecode,
  at: number,
  rest: FinalDecode,
  from: number,
  tokenizer: EngineTokenizer,
): FinalDecode {
  const [before, replaced] = parted(whole, at, tokenizer);
  const frames = Math.round(from / FRAME_SAMPLES);
  const next = withoutOverlap(before, rest, frames, tokenizer);
  const said = textOf(next.tokens, tokenizer);
  if (rest.noise !== null || lettersOf(said).length <= lettersOf(replaced.text).length) return whole;
  return joined(before, next, frames, tokenizer);
}

/**
 * What was decoded of a part alone, from a sample on, between the tokens before `at` and the others; unless these say
 * it already: then they only attend elsewhere.
 */
async function withPart(
  whole: FinalDecode,
  at: number,
  part: FinalDecode,
  from: number,
  tokenizer: EngineTokenizer,
): Promise<FinalDecode> {
  const [before, after] = parted(whole, at, tokenizer);
  const frames = Math.round(from / FRAME_SAMPLES);
  const next = withoutOverlap(before, part, frames, tokenizer);
  const follows = textOf(after.tokens.slice(0, 2 * next.tokens.length), tokenizer);
  if (part.noise !== null || part.avgLogprob < PART_LOGPROB_MIN) return whole;
  if (lettersOf(follows).startsWith(lettersOf(next.text)) || mayBeCopied(next.text, follows)) return whole;
  if (await saysAgain(next.text, follows)) return whole;
  return joined(joined(before, next, frames, tokenizer), after, 0, tokenizer);
}

/** The tokens before `at`, and those from there on. */
function parted(whole: FinalDecode, at: number, tokenizer: EngineTokenizer): [FinalDecode, FinalDecode] {
  const some = (tokens: readonly DecodedToken[]): FinalDecode => ({
    ...whole,
    tokens,
    text: textOf(tokens, tokenizer),
  });
  return [some(whole.tokens.slice(0, at)), some(whole.tokens.slice(at))];
}

function textOf(tokens: readonly DecodedToken[], tokenizer: EngineTokenizer): string {
  return tokenizer.decode(tokens.map(({ id }) => id)).trim();
}
