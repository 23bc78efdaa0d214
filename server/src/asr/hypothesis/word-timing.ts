// Words with times and confidence from the frames that their tokens attended.
import type { Word } from '@sotto/protocol';
import { mergePunctuation } from '@sotto/models';
import type { DecodedToken } from '../engine.js';
import type { SoundRun } from './sound-runs.js';
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

/**
 * At a pause the sound itself says where a word begins and ends, so far from what its token attends, milliseconds: slow
 * and emphasised words are as long. What goes on for longer is no word alone (music, a breath, words left out).
 */
const SOUND_REACH_MS = 1_200;
/** A word takes as much of its sound at least, milliseconds; where it would be less, its token attends another one. */
const SOUND_MS_MIN = 80;

/** What a word takes at least, milliseconds: a frame. Less only where there is not as much for each. */
const WORD_MS_MIN = FRAME_MS;

/** A word and the frames that its first and its last sound attend. */
interface HeardWord {
  readonly text: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly logprobs: readonly number[];
}

/**
 * Words of decoded audio, in order, within `fromMs` and `toMs`, each of at least a millisecond. Times are whole
 * milliseconds, unless there are more words than milliseconds. A word ends where the next one starts, or with its sound
 * if a pause follows, and begins with its sound behind one. A token that attends out of order is placed between its
 * neighbours; one that attends ahead of all speech is where that begins, since attention that has nowhere to go rests
 * on the first frames. Where it rests altogether, words are spread over the time. `confidence` is exp(mean
 * log-probability) of the word's tokens.
 * @param within Where the words were said, milliseconds since the window's first sample.
 * @param sound Where there is sound, on the same clock; none where that is not known.
 */
export function timeWords(
  tokens: readonly DecodedToken[],
  language: string,
  [fromMs, toMs]: readonly [fromMs: number, toMs: number],
  tokenizer: EngineTokenizer,
  sound: readonly SoundRun[] = [],
): Word[] {
  const rests = attentionRests(tokens, language, tokenizer);
  const momentOf = ({ frame }: DecodedToken): number =>
    frame * FRAME_MS < fromMs ? Math.min(fromMs + LEAD_MAX_MS, toMs) : frame * FRAME_MS;
  const attended = rests ? spread(tokens, [fromMs, toMs]) : inOrder(tokens.map(momentOf));
  const heard = heardWords(tokens, attended, language, tokenizer);
  const least = Math.min(WORD_MS_MIN, (toMs - fromMs) / Math.max(1, heard.length));
  const runs = rests ? [] : sound;
  const starts: number[] = [];
  for (const [i, { firstMs }] of heard.entries()) {
    const before = heard[i - 1]?.lastMs ?? -Infinity;
    const lead = onset(firstMs, before, runs) ?? Math.max(firstMs - LEAD_MAX_MS, (before + firstMs) / 2);
    const start = Math.max(lead, fromMs);
    starts.push(Math.max(start, (starts[i - 1] ?? -Infinity) + least));
  }
  // Those at the end leave room for those behind them.
  const placed = starts.map((start, i) => Math.max(fromMs, Math.min(start, toMs - least * (heard.length - i))));
  const words = heard.map(({ text, lastMs, logprobs }, i) => {
    const startMs = placed[i] as number;
    const tail = offset(startMs, lastMs, heard[i + 1]?.firstMs ?? Infinity, runs) ?? lastMs + TAIL_MAX_MS;
    const endMs = Math.min(placed[i + 1] ?? toMs, Math.max(startMs + least, tail));
    return { text, startMs, endMs, confidence: Math.min(1, Math.exp(mean(logprobs))) };
  });
  return inWholeMs(words, Math.ceil(fromMs), Math.floor(toMs));
}

/** Where the sound at a moment begins, if no word before has part in it. */
function onset(ms: number, beforeMs: number, sound: readonly SoundRun[]): number | undefined {
  const run = sound.find(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  if (run === undefined || beforeMs >= run.fromMs || ms - run.fromMs > SOUND_REACH_MS) return undefined;
  return run.fromMs;
}

/** Where the sound at a moment of a word ends, if no word behind has part in it. */
function offset(startMs: number, ms: number, behindMs: number, sound: readonly SoundRun[]): number | undefined {
  const run = sound.find(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  if (run === undefined || behindMs < run.toMs || run.toMs - ms > SOUND_REACH_MS) return undefined;
  return run.toMs - startMs < SOUND_MS_MIN ? undefined : run.toMs;
}

/**
 * The same words from and to whole milliseconds, in order, each of one and more; as they are where there is no room.
 */
function inWholeMs(words: readonly Word[], fromMs: number, toMs: number): Word[] {
  if (toMs - fromMs < words.length) return [...words];
  const starts: number[] = [];
  for (const [i, { startMs }] of words.entries()) {
    const least = i === 0 ? fromMs : (starts[i - 1] as number) + 1;
    starts.push(Math.min(Math.max(Math.round(startMs), least), toMs - (words.length - i)));
  }
  return words.map((word, i) => {
    const startMs = starts[i] as number;
    return { ...word, startMs, endMs: Math.min(starts[i + 1] ?? toMs, Math.max(startMs + 1, Math.round(word.endMs))) };
  });
}

/** Fewer words than this may well attend one frame. */
const RESTING_WORDS_MIN = 4;

/**
 * Whether most words attend one and the same frame: then attention says nothing about where they were said, nor how far
 * the model has listened.
 */
export function attentionRests(tokens: readonly DecodedToken[], language: string, tokenizer: EngineTokenizer): boolean {
  const words = tokenizer.words(
    tokens.map(({ id }) => id),
    language,
  );
  const counts = new Map<number, number>();
  for (const { first } of words) {
    const frame = tokens[first]?.frame ?? 0;
    counts.set(frame, (counts.get(frame) ?? 0) + 1);
  }
  return words.length >= RESTING_WORDS_MIN && 2 * Math.max(...counts.values()) > words.length;
}

/** Moments of tokens that are said evenly. */
function spread(tokens: readonly DecodedToken[], [fromMs, toMs]: readonly [number, number]): number[] {
  return tokens.map((_, i) => fromMs + ((toMs - fromMs) * (i + 0.5)) / tokens.length);
}

function heardWords(
  tokens: readonly DecodedToken[],
  attendedMs: readonly number[],
  language: string,
  tokenizer: EngineTokenizer,
): HeardWord[] {
  const ids = tokens.map((token) => token.id);
  const words = mergePunctuation(tokenizer.words(ids, language)).filter((word) => word.text.trim() !== '');
  return words.map(({ text, first, past }) => {
    const all = attendedMs.slice(first, past);
    // Marks and lone spaces attend anywhere.
    const sounds = all.filter((_, i) => SOUND.test(tokenizer.decode([ids[first + i] as number])));
    const attended = sounds.length > 0 ? sounds : all;
    return {
      text: text.trim(),
      firstMs: attended[0] as number,
      lastMs: attended.at(-1) as number,
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
