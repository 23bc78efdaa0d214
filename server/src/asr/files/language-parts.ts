// Parts a window where the language changes: a window is heard in one language, and what is said in another one is left
// out, or invented.
import { SAMPLES_PER_MS } from '../../audio/samples.js';
import { VAD_FRAME_SAMPLES } from '../../vad/vad.js';
import type { LanguageGuess, LanguageProbabilities } from '../language-evidence.js';
import { isSpeech, speechBetween } from './unheard-speech.js';
import { pausesOf } from './window-segments.js';

/**
 * Another language is looked for where the text has no words for so much speech, or where a second language has this
 * probability and the model is so unsure: pieces cost as much as the window. In 24 of 36 windows of 4 to 28 s in which
 * two languages take turns 2.6 to 6.5 s had no words, in 9 of them the second language had 0.025 at most; in 35 of 36
 * of one language it was 1.2 s at most. Learners' English sounds like their own language too, with up to 0.43.
 */
const UNHEARD_MS_MIN = 2_500;
const SECOND_PROBABILITY_MIN = 0.05;
const LOGPROB_UNSURE = -0.5;
/** Another language is believed from this probability on; learners are at times heard as speaking their own. */
const PROBABILITY_SURE = 0.8;
/**
 * Less sure, a piece is in the language of its neighbour, unless that has less than this: learners' English beside
 * Portuguese was English with 0.53 and Chinese with 0.29, and Portuguese with nothing.
 */
const NEIGHBOUR_PROBABILITY_MIN = 0.05;
/** Nobody changes languages within a shorter pause, milliseconds. */
const PAUSE_MS_MIN = 320;
/** Speech that tells its language, milliseconds. */
const SPEECH_MS_MIN = 1_500;

/** A stretch of a window, samples. */
export interface WindowPart {
  readonly from: number;
  readonly to: number;
}

/**
 * Whether more than one language may be spoken in a window, and what is said in another one be lost.
 * @param unheardMs the most speech in a row that its text has no words for
 */
export function mayBeMixed(probabilities: LanguageProbabilities, unheardMs: number, avgLogprob: number): boolean {
  const [, second = 0] = Object.values(probabilities).sort((a, b) => b - a);
  return unheardMs >= UNHEARD_MS_MIN || (second >= SECOND_PROBABILITY_MIN && avgLogprob < LOGPROB_UNSURE);
}

/**
 * A window in pieces with pauses between them, each with enough speech to tell its language; together they are all of
 * it.
 * @param speech speech probability of each VAD frame of the window
 */
export function piecesOf(speech: Float32Array, samples: number): WindowPart[] {
  const pauses = pausesOf(speech, isSpeech, (PAUSE_MS_MIN * SAMPLES_PER_MS) / VAD_FRAME_SAMPLES);
  const pieces: WindowPart[] = [];
  let from = 0;
  for (const to of [...pauses.map((pause) => Math.round((pause.from + pause.to) / 2)), samples]) {
    const last = pieces.at(-1);
    if (speechMs(speech, from, to) >= SPEECH_MS_MIN) pieces.push({ from, to });
    // Too short to tell: what is before the pause goes with what is behind it, and the end with what is before it.
    else if (to < samples || last === undefined) continue;
    else pieces[pieces.length - 1] = { from: last.from, to };
    from = to;
  }
  return pieces.length > 0 ? pieces : [{ from: 0, to: samples }];
}

/** Milliseconds in which somebody speaks, between two samples. */
export function speechMs(speech: Float32Array, from: number, to: number): number {
  const frames = speechBetween(speech, Math.floor(from / VAD_FRAME_SAMPLES), Math.ceil(to / VAD_FRAME_SAMPLES));
  return (frames * VAD_FRAME_SAMPLES) / SAMPLES_PER_MS;
}

/** A piece of a window and what it was heard to be spoken in. */
export interface HeardPiece extends WindowPart {
  readonly guess: LanguageGuess | undefined;
  /** As the model says them. */
  readonly probabilities: LanguageProbabilities;
}

/**
 * Neighbours of one language together. A piece of which it is not sure goes with the one before it, the first with the
 * next, where that may be its language. Empty where all are of one language.
 */
export function partsByLanguage(pieces: readonly HeardPiece[]): (WindowPart & { readonly language: string })[] {
  const parts: { from: number; to: number; language: string }[] = [];
  const firstSure = pieces.find(isSure)?.guess?.language;
  for (const piece of pieces) {
    const last = parts.at(-1);
    const neighbour = last?.language ?? firstSure;
    if (neighbour === undefined) break;
    const isOwn = isSure(piece) || (piece.probabilities[neighbour] ?? 0) < NEIGHBOUR_PROBABILITY_MIN;
    const language = isOwn ? piece.guess?.language : undefined;
    if (last !== undefined && (language === undefined || language === last.language)) last.to = piece.to;
    else if (language !== undefined) parts.push({ from: last?.to ?? 0, to: piece.to, language });
  }
  return parts.length > 1 ? parts : [];
}

function isSure({ guess }: HeardPiece): boolean {
  return guess !== undefined && guess.probability >= PROBABILITY_SURE;
}
