// Finds speech that a hypothesis has no words for: Whisper sometimes ends early, mostly at a pause, or leaves out a
// sentence between two others.
import { VAD_FRAME_SAMPLES } from '../../vad/vad.js';
import type { DecodedToken } from '../engine.js';
import { LAST_WORD_MS, UNHEARD_MS_MIN } from '../hypothesis/continuation.js';
import { FRAME_SAMPLES } from '../hypothesis/stability-policy.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';

/** Speech probability from which a frame counts as speech here: what is decoded again should be worth it. */
const SPEECH = 0.5;
/** Silence that parts the last word from what was not heard, milliseconds. */
const PAUSE_MS_MIN = 96;

/**
 * So many words of a sentence before the gap are those of the sentence behind it: they attend where the model stopped
 * listening, at the beginning of what it left out.
 */
const AHEAD_MAX = 2;

/** A token of a word. */
export interface SpokenToken extends Pick<DecodedToken, 'frame'> {
  /** Whether a sentence begins with it. */
  readonly beginsSentence: boolean;
  /** Whether the token before it is of the same word, which no gap parts. */
  readonly continuesWord: boolean;
}

/** Speech that a hypothesis has no words for. */
export interface UnheardSpeech {
  /** Its tokens before the gap, which attend so. */
  readonly index: number;
  /** How many of its tokens say what was said before. */
  readonly heard: number;
  /** Where to decode again to the end, in samples of the segment: at the pause after the word that attends last. */
  readonly from: number;
  /** What was left out, by itself: from the pause before the word that is ahead, to the one before the next word. */
  readonly part: { readonly from: number; readonly to: number };
}

/**
 * The first speech that goes unheard: after a token (from `heardAtLeast` tokens on) much is spoken before the next one,
 * or before the end.
 * @param tokens those of words, in order
 * @param speech speech probability of each VAD frame of the segment
 */
export function unheardSpeech(
  tokens: readonly SpokenToken[],
  speech: Float32Array,
  heardAtLeast = 0,
): UnheardSpeech | undefined {
  const frames = tokens.map(({ frame }) => vadFrame(frame));
  let last = 0;
  for (let index = 0; index <= tokens.length; index++) {
    // A word may be attended before its end as well as after its beginning.
    const next = frames[index];
    const until = next === undefined ? speech.length : next - framesOf(LAST_WORD_MS);
    const unheard = speechBetween(speech, last + framesOf(LAST_WORD_MS), until);
    if (index >= heardAtLeast && unheard >= framesOf(UNHEARD_MS_MIN)) {
      const isWithinWord = tokens[index]?.continuesWord === true;
      const heard = isWithinWord ? wordOf(tokens, index) : index - wordsAhead(tokens, index);
      const behind = pauseAfter(speech, last);
      const before = Math.max(0, ...frames.slice(0, heard));
      const begin = heard === index ? behind : pauseBefore(speech, frames[heard] ?? last, before);
      const from = isWithinWord ? begin : behind;
      const end = next === undefined ? speech.length : pauseBefore(speech, next, from);
      const [partFrom, to] = [begin * VAD_FRAME_SAMPLES, end * VAD_FRAME_SAMPLES];
      return { index, heard, from: from * VAD_FRAME_SAMPLES, part: { from: partFrom, to } };
    }
    last = Math.max(last, next ?? 0);
  }
  return undefined;
}

/** The first token of the word that a token continues. */
function wordOf(tokens: readonly SpokenToken[], index: number): number {
  return tokens.findLastIndex(({ continuesWord }, at) => at < index && !continuesWord);
}

/** How many tokens before a gap are the first of a sentence that goes on behind it. */
function wordsAhead(tokens: readonly SpokenToken[], index: number): number {
  if (tokens[index] === undefined || tokens[index].beginsSentence) return 0;
  for (let count = 1; count <= AHEAD_MAX; count++) if (tokens[index - count]?.beginsSentence === true) return count;
  return 0;
}

/**
 * The most speech, milliseconds, between the frames that two words attend one after the other, or before the first and
 * after the last.
 */
export function longestUnheardMs(words: readonly Pick<DecodedToken, 'frame'>[], speech: Float32Array): number {
  let from = 0;
  let most = 0;
  for (const at of [...words.map(({ frame }) => vadFrame(frame)), speech.length]) {
    most = Math.max(most, speechBetween(speech, from, at));
    from = Math.max(from, at);
  }
  return (most * VAD_FRAME_SAMPLES) / SAMPLES_PER_MS;
}

/** The VAD's frame at a token's. */
function vadFrame(frame: number): number {
  return Math.floor((frame * FRAME_SAMPLES) / VAD_FRAME_SAMPLES);
}

export function isSpeech(probability: number): boolean {
  return probability >= SPEECH;
}

/** Frames of speech. */
export function speechBetween(speech: Float32Array, from: number, to: number): number {
  return to <= from ? 0 : speech.subarray(from, to).reduce((sum, value) => sum + (isSpeech(value) ? 1 : 0), 0);
}

/** The middle of the first pause from a frame on, or the frame itself a moment later where nobody pauses. */
function pauseAfter(speech: Float32Array, from: number): number {
  let length = 0;
  for (let at = from; at < speech.length; at++) {
    if (!isSpeech(speech[at] ?? 0)) {
      length += 1;
    } else {
      if (length >= framesOf(PAUSE_MS_MIN)) return at - Math.ceil(length / 2);
      length = 0;
    }
  }
  return Math.min(speech.length, from + framesOf(LAST_WORD_MS / 2));
}

/** The middle of the last pause before a frame, or a moment before the frame itself where nobody pauses. */
function pauseBefore(speech: Float32Array, frame: number, from: number): number {
  let length = 0;
  for (let at = frame; at >= from; at--) {
    if (!isSpeech(speech[at] ?? 0)) {
      length += 1;
    } else {
      if (length >= framesOf(PAUSE_MS_MIN)) return at + 1 + Math.floor(length / 2);
      length = 0;
    }
  }
  return Math.max(from, frame - framesOf(LAST_WORD_MS / 2));
}

function framesOf(ms: number): number {
  return Math.round((ms * SAMPLES_PER_MS) / VAD_FRAME_SAMPLES);
}
