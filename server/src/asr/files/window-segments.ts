// Cuts the text of a window where the speaker paused: windows are as long as the model hears well, segments as people
// read them.
import { ENDPOINTING_DEFAULTS, TAIL_MS, THRESHOLD_GAP } from '../../vad/endpointing.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';
import { VAD_FRAME_SAMPLES } from '../../vad/vad.js';
import type { DecodedToken } from '../engine.js';
import { FRAME_SAMPLES } from '../hypothesis/stability-policy.js';
import { inOrder } from '../hypothesis/word-timing.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { SEGMENT_SILENCE_MS, type CuttingOptions } from './speech-stretches.js';

/** A part of a window, samples since its first, and the tokens that were said there. */
export interface WindowSegment {
  readonly start: number;
  readonly end: number;
  readonly tokens: readonly DecodedToken[];
}

/**
 * Parts of a window between pauses of `minSilenceMs` and more, those without a word left out. A word belongs where its
 * first token attends. A part reaches from `prefixPaddingMs` before its speech to {@link TAIL_MS} behind it, within the
 * window, which may hold more of the room.
 * @param speech speech probability of each VAD frame of the window
 */
export function segmentsOf(
  tokens: readonly DecodedToken[],
  language: string,
  speech: Float32Array,
  samples: number,
  cutting: CuttingOptions,
  tokenizer: EngineTokenizer,
): WindowSegment[] {
  const { threshold, prefixPaddingMs, minSilenceMs } = {
    ...ENDPOINTING_DEFAULTS,
    minSilenceMs: SEGMENT_SILENCE_MS,
    ...cutting,
  };
  const isSpeech = (probability: number): boolean => probability >= threshold - THRESHOLD_GAP;
  const [lead, tail] = [prefixPaddingMs * SAMPLES_PER_MS, TAIL_MS * SAMPLES_PER_MS];
  const first = Math.max(0, speech.findIndex(isSpeech)) * VAD_FRAME_SAMPLES;
  const last = (speech.findLastIndex(isSpeech) + 1) * VAD_FRAME_SAMPLES || samples;
  const pauses = pausesOf(speech, isSpeech, (minSilenceMs * SAMPLES_PER_MS) / VAD_FRAME_SAMPLES);
  const parts = Array.from({ length: pauses.length + 1 }, () => [] as DecodedToken[]);
  const ids = tokens.map(({ id }) => id);
  const frames = inOrder(tokens.map(({ frame }) => frame));
  for (const { first, past } of tokenizer.words(ids, language)) {
    const at = (frames[first] ?? 0) * FRAME_SAMPLES;
    const before = pauses.filter(({ from, to }) => at >= (from + to) / 2).length;
    // Marks that stand alone belong to the word before them.
    const isMark = !/[\p{L}\p{N}\uFFFD]/u.test(tokenizer.decode(ids.slice(first, past)));
    const part = isMark
      ? Math.max(
          0,
          parts.findLastIndex((part) => part.length > 0),
        )
      : before;
    parts[part]?.push(...tokens.slice(first, past));
  }
  return parts.flatMap((part, i) => {
    if (part.length === 0) return [];
    const [before, after] = [pauses[i - 1], pauses[i]];
    return {
      start: before === undefined ? Math.max(0, first - lead) : Math.max(before.from, before.to - lead),
      end: after === undefined ? Math.min(samples, last + tail) : Math.min(after.to, after.from + tail),
      tokens: part,
    };
  });
}

/** Silences between speech of at least so many frames; samples. */
export function pausesOf(
  speech: Float32Array,
  isSpeech: (probability: number) => boolean,
  framesMin: number,
): { readonly from: number; readonly to: number }[] {
  const pauses: { from: number; to: number }[] = [];
  let last: number | undefined;
  for (const [frame, probability] of speech.entries()) {
    if (!isSpeech(probability)) continue;
    if (last !== undefined && frame - last - 1 >= framesMin) {
      pauses.push({ from: (last + 1) * VAD_FRAME_SAMPLES, to: frame * VAD_FRAME_SAMPLES });
    }
    last = frame;
  }
  return pauses;
}
