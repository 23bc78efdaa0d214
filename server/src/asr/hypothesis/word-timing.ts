// Words with times and confidence from the frames that their tokens attended.
import type { Word } from '@sotto/protocol';
import { mergePunctuation } from '@sotto/models';
import type { DecodedToken } from '../engine.js';
import { FRAME_SAMPLES } from './stability-policy.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';
import type { EngineTokenizer } from '../tokenizer.js';

const FRAME_MS = FRAME_SAMPLES / SAMPLES_PER_MS;

/**
 * A token attends the middle of its sound. So a word begins half-way between its first token and the token before, and
 * these bound how far its own sound may reach from there into a pause, milliseconds. Chosen on synthesised speech with
 * known word times (293 words, the embedded model): median error 26 ms at starts and 35 ms at ends, where the bare
 * frames have 56 and 60.
 */
const LEAD_MAX_MS = 60;
const TAIL_MAX_MS = 250;

/** A word and the frames that its first and its last sound attend. */
interface HeardWord {
  readonly text: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly logprobs: readonly number[];
}

/**
 * Words of a decoded segment, in order and within it. A word ends where the next one starts, or a little behind its
 * last sound if a pause follows. A token that attends out of order is placed between its neighbours. `confidence` is
 * exp(mean log-probability) of the word's tokens.
 * @param segmentMs Length of the segment's audio, milliseconds.
 */
export function timeWords(
  tokens: readonly DecodedToken[],
  language: string,
  segmentMs: number,
  tokenizer: EngineTokenizer,
): Word[] {
  const heard = heardWords(tokens, language, tokenizer);
  const starts = heard.map(({ firstMs }, i) => {
    const before = heard[i - 1]?.lastMs ?? -Infinity;
    return Math.min(segmentMs, Math.max(0, firstMs - LEAD_MAX_MS, (before + firstMs) / 2));
  });
  return heard.map(({ text, lastMs, logprobs }, i) => {
    const startMs = starts[i] as number;
    const endMs = Math.max(startMs, Math.min(lastMs + TAIL_MAX_MS, starts[i + 1] ?? segmentMs));
    return { text, startMs, endMs, confidence: Math.min(1, Math.exp(mean(logprobs))) };
  });
}

function heardWords(tokens: readonly DecodedToken[], language: string, tokenizer: EngineTokenizer): HeardWord[] {
  const ids = tokens.map((token) => token.id);
  const frames = inOrder(tokens.map((token) => token.frame));
  const words = mergePunctuation(tokenizer.words(ids, language)).filter((word) => word.text.trim() !== '');
  return words.map(({ text, first, past }) => {
    // Marks and lone spaces attend anywhere.
    const sounds = frames.slice(first, past).filter((_, i) => SOUND.test(tokenizer.decode([ids[first + i] as number])));
    const attended = sounds.length > 0 ? sounds : frames.slice(first, past);
    return {
      text: text.trim(),
      firstMs: (attended[0] as number) * FRAME_MS,
      lastMs: (attended.at(-1) as number) * FRAME_MS,
      logprobs: tokens.slice(first, past).map((token) => token.logprob),
    };
  });
}

/** A letter, a digit, or a part of one. */
const SOUND = /[\p{L}\p{N}\uFFFD]/u;

/**
 * Frames that never go back: the longest non-decreasing subsequence is taken at its word, what lies outside of it is
 * spread evenly between its neighbours. Robust where a running maximum is not: one token that attends to the end does
 * not drag all later ones there.
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
