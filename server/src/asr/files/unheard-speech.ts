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

/** Speech that a hypothesis has no words for. */
export interface UnheardSpeech {
  /** How many of its tokens come before. */
  readonly heard: number;
  /** Where to decode again, in samples of the segment: at the pause after the last word that was heard. */
  readonly from: number;
}

/**
 * The first speech that goes unheard: after a token (from `heardAtLeast` tokens on) much is spoken before the next one,
 * or before the end.
 * @param tokens those of words, in order
 * @param speech speech probability of each VAD frame of the segment
 */
export function unheardSpeech(
  tokens: readonly Pick<DecodedToken, 'frame'>[],
  speech: Float32Array,
  heardAtLeast = 0,
): UnheardSpeech | undefined {
  let heard = 0;
  for (let at = 0; at <= tokens.length; at++) {
    // A word may be attended before its end as well as after its beginning.
    const token = tokens[at];
    const next = token === undefined ? speech.length : vadFrame(token.frame) - framesOf(LAST_WORD_MS);
    if (at >= heardAtLeast && speechBetween(speech, heard + framesOf(LAST_WORD_MS), next) >= framesOf(UNHEARD_MS_MIN)) {
      return { heard: at, from: pauseAfter(speech, heard) * VAD_FRAME_SAMPLES };
    }
    heard = Math.max(heard, vadFrame(token?.frame ?? 0));
  }
  return undefined;
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

function framesOf(ms: number): number {
  return Math.round((ms * SAMPLES_PER_MS) / VAD_FRAME_SAMPLES);
}
