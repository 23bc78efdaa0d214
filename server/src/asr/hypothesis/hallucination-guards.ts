// Tells words that were heard from words that were made up: no speech, low confidence, repetition.
import { deflateSync } from 'node:zlib';
import type { DecodedToken, DecodeResult } from '../engine.js';

export interface GuardThresholds {
  /** A hypothesis above this, and below `avgLogprob`, heard no speech. */
  readonly noSpeechProbability: number;
  /** Mean natural-log probability of the tokens below which the model is unsure. */
  readonly avgLogprob: number;
  /** Bytes of text per byte compressed (zlib) above which it repeats itself. */
  readonly compressionRatio: number;
  /** Share of the VAD's frames that were speech, below which an unsure hypothesis is called noise. */
  readonly sparseSpeechRatio: number;
}

/**
 * The first three are those of openai/whisper `transcribe.py` (`no_speech_threshold`, `logprob_threshold`, `compression_ratio_threshold`). The last is
 * ours: an utterance of one short word within its pre-roll and hang-over is still a quarter speech.
 */
export const WHISPER_THRESHOLDS = {
  noSpeechProbability: 0.6,
  avgLogprob: -1.0,
  compressionRatio: 2.4,
  sparseSpeechRatio: 0.2,
} as const satisfies GuardThresholds;

/** A repetition that runs to the end of a hypothesis. */
export interface Loop {
  /** Index of the first token of the first copy. */
  readonly start: number;
  /** Tokens of one copy. */
  readonly period: number;
}

/** What the guards think of one hypothesis. */
export interface Assessment {
  readonly avgLogprob: number;
  readonly compressionRatio: number;
  readonly loop: Loop | null;
  /** Repeats itself: a loop at the end, or text that compresses too well. */
  readonly repeats: boolean;
  readonly unsure: boolean;
  /** Judged to be no speech by the model itself. */
  readonly silent: boolean;
}

export function assess(
  result: DecodeResult,
  text: string,
  thresholds: GuardThresholds = WHISPER_THRESHOLDS,
): Assessment {
  const avgLogprob = avgLogprobOf(result);
  const ratio = compressionRatio(text);
  const loop = findLoop(result.tokens);
  const unsure = result.tokens.length > 0 && avgLogprob < thresholds.avgLogprob;
  return {
    avgLogprob,
    compressionRatio: ratio,
    loop,
    repeats: loop !== null || ratio > thresholds.compressionRatio,
    unsure,
    silent: unsure && result.noSpeechProbability > thresholds.noSpeechProbability,
  };
}

/** Mean natural-log probability over the tokens and <|endoftext|>, as openai/whisper `decoding.py` counts it. */
export function avgLogprobOf(result: DecodeResult): number {
  const sum = result.tokens.reduce((total, token) => total + token.logprob, result.endLogprob ?? 0);
  const count = result.tokens.length + (result.endLogprob === null ? 0 : 1);
  return count === 0 ? 0 : sum / count;
}

/** Bytes of UTF-8 per byte of zlib (openai/whisper `utils.py`); 0 for an empty text. */
export function compressionRatio(text: string): number {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length === 0 ? 0 : bytes.length / deflateSync(bytes).length;
}

/** The longest phrase, in tokens, whose repetition is looked for. */
const PERIOD_MAX = 24;
/** Copies that make a loop, by tokens of one copy: people do say "no no no" and "bye, bye, bye". */
const copiesOfLoop = (period: number): number => (period === 1 ? 6 : period === 2 ? 4 : 3);
/** Attended frames (20 ms each) that a spoken token takes at least, on average: faster than 16 tokens a second nobody speaks. */
const SPOKEN_TOKEN_FRAMES = 3;

/**
 * A phrase that repeats up to the end of the tokens (the last copy may be cut) without the attention moving on as it would through repeated speech;
 * null if there is none. The shortest period wins.
 */
export function findLoop(tokens: readonly DecodedToken[]): Loop | null {
  for (let period = 1; period <= Math.min(PERIOD_MAX, tokens.length / 2); period += 1) {
    let start = tokens.length - period;
    while (start > 0 && tokens[start - 1]?.id === tokens[start - 1 + period]?.id) start -= 1;
    const length = tokens.length - start;
    if (length < copiesOfLoop(period) * period) continue;
    const heardFrames = (tokens.at(-1)?.frame ?? 0) - (tokens[start]?.frame ?? 0);
    if (heardFrames < (length - 1) * SPOKEN_TOKEN_FRAMES) return { start, period };
  }
  return null;
}
