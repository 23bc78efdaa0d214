// A segment that is decoded on from where its hypothesis stopped: what the two have in common, and where live ones
// stopped early.
import { TAIL_MS } from '../../vad/endpointing.js';
import { SAMPLE_RATE, SAMPLES_PER_MS } from '../../audio/samples.js';
import type { DecodedToken } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { quietestPlace } from './quiet-place.js';
import { FRAME_SAMPLES } from './stability-policy.js';
import { attentionRests } from './word-timing.js';

/** How often a segment that ended early is decoded on. */
export const CONTINUATIONS_MAX = 4;
/** How far from the frame that it attends the sound of a word may reach, milliseconds. */
export const LAST_WORD_MS = 600;
/**
 * Less speech than this is a breath, a laugh, or the last words themselves, milliseconds: attention often rests a
 * little before them, and decoded again they would be said twice.
 */
export const UNHEARD_MS_MIN = 1_500;

/** Letters that two texts share before it is no chance. */
const OVERLAP_MIN = 4;
/**
 * Attention may rest a little before the last words: so far apart two decodes may have heard one and the same word.
 * What comes later was said once more.
 */
const ONE_WORD_FRAMES = 50;

/** What was heard of a segment. */
interface Heard {
  readonly tokens: readonly DecodedToken[];
}

/**
 * Where to decode a live segment on, samples; undefined where its text goes on to its end. An utterance ends with its
 * speech and a tail, or while the speaker speaks, so that no opinion of a VAD is needed: much audio behind the last
 * word has speech at its end.
 */
export function earlyEnd(
  { tokens, language, noise }: Heard & { readonly language: string; readonly noise: string | null },
  audio: Float32Array,
  tokenizer: EngineTokenizer,
): number | undefined {
  if (noise !== null || attentionRests(tokens, language, tokenizer)) return undefined;
  const spoken = tokens.filter(({ id }) => lettersOf(tokenizer.decode([id])) !== '');
  const last = Math.max(0, ...spoken.map(({ frame }) => frame)) * FRAME_SAMPLES;
  const unheard = audio.length - last - (TAIL_MS + LAST_WORD_MS) * SAMPLES_PER_MS;
  if (unheard <= UNHEARD_MS_MIN * SAMPLES_PER_MS) return undefined;
  return quietestPlace(audio, last, last + SAMPLE_RATE);
}

/**
 * What is gone on with, `frames` behind the beginning, may say the last words of the whole once more: they are left
 * out, unless the speaker repeats them.
 */
export function withoutOverlap<Rest extends Heard>(
  whole: Heard & { readonly text: string },
  rest: Rest,
  frames: number,
  tokenizer: EngineTokenizer,
): Rest {
  const isSpoken = ({ id }: DecodedToken): boolean => lettersOf(tokenizer.decode([id])) !== '';
  const said = lettersOf(whole.text);
  const counts = rest.tokens.map((_, at) =>
    lettersOf(tokenizer.decode(rest.tokens.slice(0, at + 1).map(({ id }) => id))),
  );
  const last = counts.findLastIndex((letters) => letters.length >= OVERLAP_MIN && said.endsWith(letters));
  const isWordEnd = last < 0 || !/^[\p{L}\p{N}]/u.test(tokenizer.decode([rest.tokens[last + 1]?.id ?? 0]));
  if (last < 0 || !isWordEnd) return rest;
  const heard = whole.tokens.findLast(isSpoken)?.frame ?? 0;
  const again = (rest.tokens.slice(0, last + 1).findLast(isSpoken)?.frame ?? 0) + frames;
  return again - heard > ONE_WORD_FRAMES ? rest : { ...rest, tokens: rest.tokens.slice(last + 1) };
}

export function lettersOf(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}
