// The last decode of a segment: the whole of it at once, again with rising temperature while the guards are not content.
import type { WhisperTokenizer } from '@sotto/models';
import type { DecodeRequest, DecodeResult, DecodedToken } from '../engine.js';
import { assess, type Assessment, type GuardThresholds, WHISPER_THRESHOLDS } from './hallucination-guards.js';
import type { FinalHypothesis } from '../recognizer.js';

/** Temperatures after the greedy decode: openai/whisper `transcribe.py`, `temperature`. One sample is drawn at each, where Whisper takes the best of five. */
export const FALLBACK_TEMPERATURES: readonly number[] = [0.2, 0.4, 0.6, 0.8, 1.0];
/** Above this a decode is not told the previous text, which may be what leads it astray: `transcribe.py` resets its prompt at the same value. */
const PROMPT_TEMPERATURE_MAX = 0.5;

export interface FinalDecodeOptions {
  readonly thresholds?: GuardThresholds;
  /** No further temperature is tried after this time, milliseconds: live finals must not be late. */
  readonly fallbackBudgetMs: number;
  /** Of the first decode. Default 0: greedy. */
  readonly temperature?: number;
  /** Default {@link FALLBACK_TEMPERATURES}; only those above the first are tried. */
  readonly temperatures?: readonly number[];
  readonly now?: () => number;
}

export type Noise = NonNullable<FinalHypothesis['noise']>;

/** What a whole segment was heard to say. */
export interface FinalDecode {
  /** Empty if `noise` is set. */
  readonly tokens: readonly DecodedToken[];
  readonly text: string;
  readonly noise: Noise | null;
  readonly language: string;
  readonly avgLogprob: number;
  readonly noSpeechProb: number;
  /** At which it was decoded in the end. */
  readonly temperature: number;
}

interface Candidate {
  readonly temperature: number;
  readonly result: DecodeResult;
  readonly text: string;
  readonly assessment: Assessment;
}

/**
 * Decodes a segment as openai/whisper `transcribe.py`, `decode_with_fallback`, does: again at the next temperature while the hypothesis repeats itself or
 * is unsure, unless it is silence. If none satisfies, the most probable of those that do not repeat stands, rather than Whisper's last.
 * @param decode runs one request; `ask` is how each attempt differs from the greedy one
 * @param speechRatio the VAD's opinion: share of the frames that were speech
 */
export async function decodeFinal(
  decode: (ask: FinalAsk) => Promise<DecodeResult>,
  speechRatio: number,
  tokenizer: WhisperTokenizer,
  options: FinalDecodeOptions,
): Promise<FinalDecode> {
  const {
    thresholds = WHISPER_THRESHOLDS,
    temperature: first = 0,
    temperatures = FALLBACK_TEMPERATURES,
    now = () => performance.now(),
  } = options;
  const started = now();
  const attempt = async (ask: FinalAsk): Promise<Candidate> => {
    const result = await decode(ask);
    const text = tokenizer.decode(result.tokens.map((token) => token.id));
    return { temperature: ask.temperature, result, text, assessment: assess(result, text, thresholds) };
  };
  let best = await attempt({ temperature: first, seed: 0, withPrevious: first <= PROMPT_TEMPERATURE_MAX });
  for (const [index, temperature] of temperatures.filter((one) => one > first).entries()) {
    if (isGood(best) || best.assessment.silent || now() - started >= options.fallbackBudgetMs) break;
    const next = await attempt({ temperature, seed: index + 1, withPrevious: temperature <= PROMPT_TEMPERATURE_MAX });
    best = isGood(next) || isBetter(next, best) ? next : best;
  }
  return verdict(best, speechRatio, tokenizer, thresholds);
}

/** What one attempt asks of the engine. */
export interface FinalAsk extends Pick<DecodeRequest, 'temperature' | 'seed'> {
  readonly withPrevious: boolean;
}

function isGood({ assessment }: Candidate): boolean {
  return !assessment.repeats && !assessment.unsure;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.assessment.repeats !== b.assessment.repeats) return b.assessment.repeats;
  return a.assessment.avgLogprob > b.assessment.avgLogprob;
}

function verdict(
  { temperature, result, text, assessment }: Candidate,
  speechRatio: number,
  tokenizer: WhisperTokenizer,
  thresholds: GuardThresholds,
): FinalDecode {
  const facts = {
    language: result.language,
    avgLogprob: assessment.avgLogprob,
    noSpeechProb: result.noSpeechProbability,
    temperature,
  };
  const noise = (reason: Noise): FinalDecode => ({ ...facts, tokens: [], text: '', noise: reason });
  if (text.trim() === '') return noise('empty');
  if (assessment.silent) return noise('noSpeech');
  if (assessment.unsure && speechRatio < thresholds.sparseSpeechRatio) return noise('lowConfidence');
  const { loop } = assessment;
  if (!loop) return { ...facts, tokens: result.tokens, text: text.trim(), noise: null };
  // Words before a loop were heard; a segment that is nothing but loop was not.
  if (loop.start === 0) return noise('repetition');
  const tokens = result.tokens.slice(0, loop.start + loop.period);
  return { ...facts, tokens, text: tokenizer.decode(tokens.map((token) => token.id)).trim(), noise: null };
}
