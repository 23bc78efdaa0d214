// What was decoded of a window whose first part is known: only what is said behind that part.
import type { DecodedToken, DecodeResult } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { FRAME_SAMPLES } from './stability-policy.js';

/** Attention strays by a little, frames: 100 ms; and of some tokens by more. */
const STRAY_FRAMES = 5;
const STRAY_PART_MAX = 0.25;
/** What ends the text before it, and belongs to that. */
const CLOSING_MARKS = /^[\s.,!?;:…。，、！？；：)\]}"”’»-]+$/u;

/**
 * A result behind `contextSamples` of audio, as if its window had begun there. Undefined where it says nothing, or says
 * again what was said before: it attends to that.
 */
export function behindContext(
  result: DecodeResult,
  contextSamples: number,
  tokenizer: EngineTokenizer,
): DecodeResult | undefined {
  const frames = Math.round(contextSamples / FRAME_SAMPLES);
  const isWord = ({ id }: DecodedToken): boolean => !CLOSING_MARKS.test(tokenizer.decode([id]));
  const first = result.tokens.findIndex(isWord);
  if (first < 0) return undefined;
  const tokens = result.tokens.slice(first).map((token) => ({ ...token, frame: token.frame - frames }));
  const strays = tokens.map(({ frame }) => frame < -STRAY_FRAMES);
  if (strays[0] === true || strays.filter(Boolean).length > STRAY_PART_MAX * tokens.length) return undefined;
  return { ...result, tokens: tokens.map((token) => ({ ...token, frame: Math.max(0, token.frame) })) };
}
