// Finds speech behind the last word of a hypothesis: Whisper sometimes ends early, mostly at a pause.
import { VAD_FRAME_SAMPLES } from '../../vad/vad.js';
import type { DecodedToken } from '../engine.js';
import { FRAME_SAMPLES } from '../hypothesis/stability-policy.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';

/** Speech probability from which a frame counts as speech here: what is decoded again should be worth it. */
const SPEECH = 0.5;
/** How far behind the frame that it attends the sound of a last word may reach, milliseconds. */
const LAST_WORD_MS = 600;
/**
 * Less speech than this is a breath, a laugh, or the last words themselves, milliseconds: attention often rests a
 * little before them, and decoded again they would be said twice.
 */
const UNHEARD_MS_MIN = 1_500;
/** Silence that parts the last word from what was not heard, milliseconds. */
const PAUSE_MS_MIN = 96;

/**
 * Where to decode again, in samples of the segment: at the pause behind the last word that was heard, if enough speech
 * follows it. Undefined where the hypothesis goes on to the end of the speech.
 * @param speech speech probability of each VAD frame of the segment
 */
export function unheardFrom(tokens: readonly DecodedToken[], speech: Float32Array): number | undefined {
  const heard = Math.max(0, ...tokens.map((token) => token.frame)) * FRAME_SAMPLES;
  const first = Math.ceil((heard + LAST_WORD_MS * SAMPLES_PER_MS) / VAD_FRAME_SAMPLES);
  const frames = framesOf(UNHEARD_MS_MIN);
  const unheard = speech.subarray(first).reduce((sum, probability) => sum + (probability >= SPEECH ? 1 : 0), 0);
  if (unheard < frames) return undefined;
  return pauseBehind(speech, Math.floor(heard / VAD_FRAME_SAMPLES)) * VAD_FRAME_SAMPLES;
}

/** The middle of the first pause from a frame on, or the frame itself a moment later where nobody pauses. */
function pauseBehind(speech: Float32Array, from: number): number {
  let length = 0;
  for (let at = from; at < speech.length; at++) {
    if ((speech[at] ?? 0) < SPEECH) {
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
