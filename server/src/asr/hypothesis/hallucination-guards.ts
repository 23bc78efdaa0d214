// Tells words that were heard from words that were made up: no speech, low confidence, repetition.
import { deflateSync } from 'node:zlib';
import type { DecodedToken, DecodeResult } from '../engine.js';
import { wordsIn } from './spoken-words.js';

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
 * The first three are those of openai/whisper `transcribe.py` (`no_speech_threshold`, `logprob_threshold`,
 * `compression_ratio_threshold`). The last is ours: an utterance of one short word within its pre-roll and hang-over is
 * still a quarter speech.
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

/** What a window sounds like, whatever the model makes of it. */
export interface Sound {
  readonly audioMs: number;
  /** How long somebody speaks in it, as the VAD has it; where that is not known, no more than `audioMs`. */
  readonly speechMs: number;
}

/** Nothing is known of it: every repetition on which the attention does not move is a loop. */
const UNKNOWN: Sound = { audioMs: 0, speechMs: 0 };

/** What the guards think of one hypothesis. */
export interface Assessment {
  readonly avgLogprob: number;
  /** A repetition that was not said: the speech would not be long enough for it. */
  readonly loop: Loop | null;
  /**
   * Says the same again and again, rightly or not: at the end with the attention at rest, so that the text compresses
   * too well, or far more than there was time for.
   */
  readonly repetitive: boolean;
  /** Repeats what there was no time to say. */
  readonly repeats: boolean;
  /** Says far more words than there was time for. */
  readonly isTooMuch: boolean;
  readonly unsure: boolean;
  /** Judged to be no speech by the model itself. */
  readonly silent: boolean;
}

export function assess(
  result: DecodeResult,
  text: string,
  thresholds: GuardThresholds = WHISPER_THRESHOLDS,
  sound: Sound = UNKNOWN,
): Assessment {
  const avgLogprob = avgLogprobOf(result);
  const isUnspoken = MARKS_BEHIND.test(text);
  const found = findLoop(result.tokens, isUnspoken);
  const loop = found !== null && (isUnspoken || !wasSaid(found, result, text, sound)) ? found : null;
  const words = wordsIn(text);
  const isRepetitive = new Set(words.map((word) => word.toLowerCase())).size * COPIES_MIN <= words.length;
  const isHurried = words.length * WORD_MS > sound.speechMs;
  // Asked for last: each compression takes a quarter of a megabyte for a moment, and most texts are neither.
  const compressesTooWell = (isRepetitive || isHurried) && compressionRatio(text) > thresholds.compressionRatio;
  const isTooMuch = areTooMany(words.length, sound);
  const unsure = result.tokens.length > 0 && avgLogprob < thresholds.avgLogprob;
  return {
    avgLogprob,
    loop,
    repetitive: found !== null || (isRepetitive && compressesTooWell) || isTooMuch,
    repeats: loop !== null || (isHurried && compressesTooWell),
    isTooMuch,
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

/**
 * What a word, or a character of a language that is written without spaces, takes at least on average, milliseconds of
 * speech.
 */
export const WORD_MS = 200;

/**
 * So many words in less time for each, milliseconds of audio, nobody says: a model that runs on from its prompt does.
 * Fast speech has 3 to 6 words a second.
 */
const TOO_MUCH_WORDS_MIN = 16;
const TOO_MUCH_WORD_MS = 110;

/** Whether nobody says so many words in the time. */
export function areTooMany(words: number, { audioMs }: Sound): boolean {
  return audioMs > 0 && words >= TOO_MUCH_WORDS_MIN && words * TOO_MUCH_WORD_MS > audioMs;
}

/** How often each word of a repetitive text occurs at least, on average. */
const COPIES_MIN = 3;

/**
 * Whether the speech behind the words before a repetition is long enough for all of it. Attention gets stuck on words
 * that are said again and again, so it alone convicts nobody; but a decode that only the token limit ended has run
 * away.
 */
function wasSaid(loop: Loop, { tokens, endLogprob }: DecodeResult, text: string, sound: Sound): boolean {
  if (endLogprob === null || sound.audioMs === 0) return false;
  const count = tokens.length - loop.start;
  const words = (wordsIn(text).length * count) / tokens.length;
  return (
    Math.max(words * WORD_MS, count * SPOKEN_TOKEN_FRAMES * 20) <= speechMsBehind(tokens.slice(0, loop.start), sound)
  );
}

/** How much speech is behind these words, milliseconds: it is spread evenly over the audio. */
export function speechMsBehind(tokens: readonly DecodedToken[], { audioMs, speechMs }: Sound): number {
  if (audioMs === 0) return 0;
  const heardMs = Math.min(audioMs, Math.max(0, ...tokens.map(({ frame }) => frame * 20)));
  return (speechMs * (audioMs - heardMs)) / audioMs;
}

/** The longest phrase, in tokens, whose repetition is looked for: half of what a window holds. */
const PERIOD_MAX = 112;
/** Copies that make a loop, by tokens of one copy: people do say "no no no" and "bye, bye, bye". */
const copiesOfLoop = (period: number): number => (period === 1 ? 6 : period === 2 ? 4 : 3);
/**
 * Attended frames (20 ms each) that a spoken token takes at least, on average: faster than 16 tokens a second nobody
 * speaks.
 */
const SPOKEN_TOKEN_FRAMES = 3;

/**
 * So many marks in a row at its end no text has: nobody says them, however far the attention moves while the model
 * writes them.
 */
const MARKS_BEHIND = /[^\p{L}\p{N}\s]{8}\s*$/u;

/**
 * A phrase that repeats up to the end of the tokens (the last copy may be cut) without the attention moving on as it
 * would through repeated speech, wherever it moves if the phrase is known to be unspoken; null if there is none. The
 * shortest period wins.
 */
export function findLoop(tokens: readonly DecodedToken[], isUnspoken = false): Loop | null {
  for (let period = 1; period <= Math.min(PERIOD_MAX, tokens.length / 2); period += 1) {
    let start = tokens.length - period;
    while (start > 0 && tokens[start - 1]?.id === tokens[start - 1 + period]?.id) start -= 1;
    const length = tokens.length - start;
    if (length < copiesOfLoop(period) * period) continue;
    const heardFrames = (tokens.at(-1)?.frame ?? 0) - (tokens[start]?.frame ?? 0);
    if (isUnspoken || heardFrames < (length - 1) * SPOKEN_TOKEN_FRAMES) return { start, period };
  }
  return null;
}
