// Words with times and confidence from the frames that their tokens attended.
import type { Word } from '@sotto/protocol';
import { mergePunctuation, splitWords, type TokenWord, type WhisperTokenizer } from '@sotto/models';
import type { DecodedToken } from '../engine.js';
import { FRAME_SAMPLES } from './stability-policy.js';

const FRAME_MS = FRAME_SAMPLES / 16;

/** Longest plausible word, in medians of the words' lengths, and the most that the median may be: openai/whisper `timing.py`, `add_word_timestamps`. */
const MEDIANS_MAX = 2;
const MEDIAN_MAX_MS = 700;
/** The least that a word lasts, milliseconds: one frame. */
const WORD_MIN_MS = FRAME_MS;

interface TimedWord {
  readonly text: string;
  readonly startMs: number;
  readonly logprobs: readonly number[];
}

/**
 * Words of a decoded segment. A word starts where its first token attends and ends where the next word starts, but no later than twice the median word
 * after its start (a pause follows then); the last one ends with the segment at the latest. Starts never go back: a token that attends out of order is
 * placed between its neighbours. `confidence` is exp(mean log-probability) of the word's tokens.
 * @param segmentMs Length of the segment's audio, milliseconds.
 */
export function timeWords(
  tokens: readonly DecodedToken[],
  language: string,
  segmentMs: number,
  tokenizer: WhisperTokenizer,
): Word[] {
  const frames = inOrder(tokens.map((token) => token.frame));
  const ids = tokens.map((token) => token.id);
  const timed: TimedWord[] = [];
  for (const word of mergePunctuation(splitWords(tokenizer, ids, language))) {
    const text = word.text.trim();
    if (text === '') continue;
    const startMs = Math.min((frames[firstSound(tokenizer, ids, word)] ?? 0) * FRAME_MS, segmentMs);
    timed.push({ text, startMs, logprobs: tokens.slice(word.first, word.past).map((token) => token.logprob) });
  }
  const longest =
    MEDIANS_MAX *
    Math.min(MEDIAN_MAX_MS, median(timed.map((word, i) => (timed[i + 1]?.startMs ?? segmentMs) - word.startMs)));
  return timed.map(({ text, startMs, logprobs }, i) => {
    const limit = timed[i + 1]?.startMs ?? segmentMs;
    const endMs = Math.min(limit, startMs + Math.max(longest, WORD_MIN_MS));
    return { text, startMs, endMs, confidence: Math.min(1, Math.exp(mean(logprobs))) };
  });
}

/** Index of the first token of a word that spells more than marks and spaces: an opening quote attends anywhere. */
function firstSound(tokenizer: WhisperTokenizer, ids: readonly number[], word: TokenWord): number {
  for (let at = word.first; at < word.past; at += 1) {
    if (/[\p{L}\p{N}\uFFFD]/u.test(tokenizer.decode([ids[at] as number]))) return at;
  }
  return word.first;
}

/**
 * Frames that never go back: the longest non-decreasing subsequence is taken at its word, what lies outside of it is spread evenly between its
 * neighbours. Robust where a running maximum is not: one token that attends to the end does not drag all later ones there.
 */
export function inOrder(frames: readonly number[]): number[] {
  const kept = longestNonDecreasing(frames);
  const out = Array.from(frames);
  let before = -1;
  for (const after of [...kept, frames.length]) {
    const from = before < 0 ? 0 : (out[before] as number);
    const to = frames[after] ?? from;
    for (let i = before + 1; i < after; i += 1) out[i] = from + ((to - from) * (i - before)) / (after - before);
    before = after;
  }
  return out;
}

/** Indices of the longest non-decreasing subsequence, by patience sorting: n log n. */
function longestNonDecreasing(values: readonly number[]): number[] {
  /** `tails[k]`: index of the smallest value that ends a subsequence of length k + 1. */
  const tails: number[] = [];
  const previous: number[] = [];
  for (const [i, value] of values.entries()) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[tails[middle] as number] as number) <= value) low = middle + 1;
      else high = middle;
    }
    previous[i] = low > 0 ? (tails[low - 1] as number) : -1;
    tails[low] = i;
  }
  const kept: number[] = [];
  for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i] as number) kept.unshift(i);
  return kept;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
