// The last decode of a segment: the whole of it at once; in smaller pieces where that went wrong.
import type { DecodeRequest, DecodeResult, DecodedToken } from '../engine.js';
import {
  assess,
  avgLogprobOf,
  type Assessment,
  type GuardThresholds,
  type Sound,
  WHISPER_THRESHOLDS,
} from './hallucination-guards.js';
import type { FinalHypothesis } from '../recognizer.js';
import { CONTINUATIONS_MAX, earlyEnd, lettersOf, withoutOverlap } from './continuation.js';
import { mayBeCopied } from './copied-text.js';
import { withoutForeignLetters } from './foreign-letters.js';
import { quietPlace } from './quiet-place.js';
import { FRAME_SAMPLES } from './stability-policy.js';
import { withoutStockPhrase } from './stock-phrases.js';
import { withinTime, withoutSurplusCopies } from './time-to-say.js';
import type { EngineTokenizer } from '../tokenizer.js';

/**
 * Above this a decode is not told the previous text, which may be what leads it astray: `transcribe.py` resets its
 * prompt at the same value.
 */
const PROMPT_TEMPERATURE_MAX = 0.5;
/** Audio that is too short to be decoded in two pieces, samples: 3 s. */
const PIECES_SAMPLES_MIN = 48_000;
/** A decode that says nothing although somebody spoke for this long is not believed, milliseconds. */
const SPEECH_MS_HEARD = 1_000;
/**
 * After less speech it may say nothing; but where the model is less sure of that than this (log-probability of the end,
 * 0.75), and there is as much speech as a short word takes, it is asked once more for words. A cough is this long too:
 * of that it is sure.
 */
const NOTHING_LOGPROB_SURE = Math.log(0.75);
const WORD_MS_MIN = 250;

/**
 * Mean log-probability of the tokens below which a text is unclear: it may be better in context. On 134 utterances of
 * learners errors fell from 215 to 194 words whether clearer ones were heard in context too or not; with -0.35 to 202.
 */
const UNCLEAR_LOGPROB = -0.25;

/**
 * Mean log-probability of the tokens from which a text that was heard without the previous text is taken in place of
 * one that may be copied out of it. Sentences in a quiet room had -0.12 to -0.28 and their own facts; at 5 dB of noise
 * they had -0.8, and what was said before helped to understand them.
 */
const UNTOLD_LOGPROB = -0.5;

/** The longest utterance once more as it is, and twice in pieces. */
export const FALLBACK_BUDGET_MS = 90_000;

export interface FinalDecodeOptions {
  readonly thresholds?: GuardThresholds;
  /**
   * Audio that is decoded again where the first decode is not believed, at most, milliseconds; 0: never. Live it
   * shrinks with load, and {@link inTime} waits 2 s at most (`scheduling/second-tries.ts`): under load a final that is
   * doubted may be another one than without.
   */
  readonly fallbackBudgetMs: number;
  /**
   * The same of a segment that says nothing although somebody may have spoken, or whose text ends long before its
   * speech, where that is more: words that are lost are worse than words that are late. Default: it is not more.
   */
  readonly unheardBudgetMs?: number;
  /** Of the first decode. Default 0: greedy. */
  readonly temperature?: number;
  /** Waits for what is decoded again; undefined when that takes too long or fails. Default: waits until it is there. */
  readonly inTime?: <T>(again: Promise<T>) => Promise<T | undefined>;
  /**
   * Decodes the segment once more, in one window behind what was said before it; `first` is what it was heard to say
   * alone. Undefined where there is nothing before it, or it was not heard that way. Default: there is nothing.
   */
  readonly inContext?: (first: DecodeResult) => Promise<DecodeResult | undefined>;
  /** What the first decode is told of the text before it. Default: that is not known. */
  readonly previousText?: string;
  /**
   * Whether the audio ends with speech and its tail, or while somebody speaks, so that a text that ends much earlier is
   * not all of it. Default: that is not known.
   */
  readonly endsInSpeech?: boolean;
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

/** A segment as it sounds. */
export interface FinalAudio {
  /** 16 kHz mono. */
  readonly audio: Float32Array;
  /** The VAD's opinion: share of the frames that were speech, 0-1. */
  readonly speechRatio: number;
}

/** What one attempt asks of the engine. */
export interface FinalAsk extends Pick<DecodeRequest, 'temperature' | 'seed' | 'audio' | 'isSpoken'> {
  readonly withPrevious: boolean;
  /** Whether there is a text already that will do. Absent: no. */
  readonly isAgain?: boolean;
}

/** One attempt over a stretch of the segment. */
interface Attempt {
  readonly result: DecodeResult;
  readonly text: string;
  readonly assessment: Assessment;
  readonly sound: Sound;
}

/**
 * Decodes a segment. Where it says nothing of a short stretch of speech, and the model is not sure of that, it is
 * decoded once more as something that is spoken, and believed if the model is not unsure of the words. A text of which
 * it is not quite sure is decoded once more behind what was said before, and taken if it is surer of that. One that may
 * be copied out of the previous text is decoded once more without it; one that ends before its speech is decoded on.
 * Where the text says the same again and again (a model that counts so is rarely right), or nothing although somebody
 * spoke, the segment is decoded again: without the previous text, and then in two halves, parted where it is quietest.
 * What is still repeated in pieces of a few seconds stays if there was time to say it. Whisper's own way out, samples
 * at rising temperatures (`transcribe.py`, `decode_with_fallback`), is not taken: on speech that is hard to understand
 * it invents fluent sentences, which nothing in their own figures gives away. An unsure decode stands, since what is
 * decoded again would be as unsure.
 * @param decode runs one request
 */
export async function decodeFinal(
  decode: (ask: FinalAsk) => Promise<DecodeResult>,
  { audio, speechRatio }: FinalAudio,
  tokenizer: EngineTokenizer,
  options: FinalDecodeOptions,
): Promise<FinalDecode> {
  const { thresholds = WHISPER_THRESHOLDS, temperature = 0, fallbackBudgetMs, inTime = (again) => again } = options;
  const { inContext, previousText, endsInSpeech = false } = options;
  const { unheardBudgetMs = 0 } = options;
  let budget = fallbackBudgetMs * 16;
  /** Where words are missing there is no text that will do: what is decoded then is as urgent as the first decode. */
  let later: Pick<FinalAsk, 'isAgain'> = { isAgain: true };
  const attempt = async (
    part: Float32Array,
    withPrevious: boolean,
    how: Pick<FinalAsk, 'isAgain' | 'isSpoken'> = later,
  ): Promise<Attempt> => {
    return understood(part, await decode({ audio: part, temperature, seed: 0, withPrevious, ...how }));
  };
  const understood = (part: Float32Array, decoded: DecodeResult): Attempt => {
    const own = withoutForeignLetters(decoded.tokens, tokenizer, decoded.language);
    const spoken = withoutStockPhrase(own, tokenizer, decoded.language, part);
    const result = { ...decoded, tokens: spoken };
    const text = tokenizer.decode(result.tokens.map((token) => token.id));
    const audioMs = part.length / 16;
    const sound = { audioMs, speechMs: audioMs * speechRatio };
    return { result, text, sound, assessment: assess(result, text, thresholds, sound) };
  };
  const again = (part: Float32Array): boolean => {
    budget -= part.length;
    return budget >= 0;
  };
  const judged = (one: Attempt): FinalDecode => verdict(one, temperature, speechRatio, tokenizer, thresholds);
  const heardAgain = async (part: Float32Array, before: Attempt, withPrevious: boolean): Promise<FinalDecode> => {
    let best = before;
    if (isDoubtful(best) && withPrevious && again(part)) best = await attempt(part, false);
    if (isDoubtful(best) && part.length >= PIECES_SAMPLES_MIN && again(part)) {
      const at = quietPlace(part);
      const pieces = [part.subarray(0, at), part.subarray(at)].map(async (piece) =>
        heardAgain(piece, await attempt(piece, false), false),
      );
      const [first, second] = (await Promise.all(pieces)) as [FinalDecode, FinalDecode];
      return joined(first, second, Math.round(at / FRAME_SAMPLES), tokenizer);
    }
    return judged(best);
  };
  const unheardFrom = (whole: FinalDecode): number | undefined =>
    endsInSpeech ? earlyEnd(whole, audio, tokenizer) : undefined;
  /** Decoded on from where its words end. */
  const continued = async (whole: FinalDecode): Promise<FinalDecode | undefined> => {
    const from = unheardFrom(whole);
    if (from === undefined || !again(audio.subarray(from))) return undefined;
    const rest = await attempt(audio.subarray(from), false);
    if (!isBelieved(rest) || rest.result.noSpeechProbability > thresholds.noSpeechProbability) return undefined;
    const frames = Math.round(from / FRAME_SAMPLES);
    const next = withoutOverlap(whole, judged(rest), frames, tokenizer);
    const said = lettersOf(tokenizer.decode(next.tokens.map(({ id }) => id)));
    // The last words once more, or nothing, are no news.
    return said !== '' && !lettersOf(whole.text).endsWith(said) ? joined(whole, next, frames, tokenizer) : undefined;
  };
  const withPrevious = temperature <= PROMPT_TEMPERATURE_MAX;
  const first = await attempt(audio, withPrevious, {});
  const isSilenceUnsure = mayBeSpoken(first, thresholds);
  let best = judged(first);
  const isWhole = unheardFrom(best) === undefined;
  const isUnheard = isSilenceUnsure || (isDoubtful(first) && first.text.trim() === '');
  const isCutInLoad = !isWhole && !isDoubtful(first) && unheardBudgetMs > fallbackBudgetMs;
  if (isUnheard || isCutInLoad) {
    budget = Math.max(budget, unheardBudgetMs * 16);
    later = {};
  }
  const isWorthContext = inContext !== undefined && isUnclear(first.result) && judged(first).noise === null;
  const isCopied = withPrevious && mayBeCopied(first.text, previousText ?? '');
  if (!isSilenceUnsure && !isDoubtful(first) && !isCopied && !isWorthContext && isWhole) return best;
  const corrected = async (): Promise<FinalDecode | undefined> => {
    if (isSilenceUnsure && again(audio)) {
      const spoken = await attempt(audio, withPrevious, { isSpoken: true });
      if (isBelieved(spoken)) return judged(spoken);
    }
    // Where it was told nothing it would say the same once more: that takes the time of the pieces.
    if (isDoubtful(first)) return heardAgain(audio, first, withPrevious && previousText !== '');
    if (isCopied && again(audio)) {
      const heard = await attempt(audio, false);
      if (isBelieved(heard) && heard.assessment.avgLogprob >= UNTOLD_LOGPROB) return judged(heard);
    }
    const result = isWorthContext && again(audio) ? await inContext(first.result) : undefined;
    const behind = result && understood(audio, result);
    return behind && isClearer(behind, first) ? judged(behind) : undefined;
  };
  const better = async (): Promise<void> => {
    best = (await corrected()) ?? best;
    for (let times = 0; times < CONTINUATIONS_MAX; times += 1) {
      const longer = await continued(best);
      if (longer === undefined) return;
      best = longer;
    }
  };
  // What is there in time is told, though more was asked for.
  await inTime(better());
  return best;
}

/** Whether it says nothing, but may well have heard a word. */
function mayBeSpoken({ result, text, sound }: Attempt, thresholds: GuardThresholds): boolean {
  const { endLogprob, noSpeechProbability } = result;
  return (
    text.trim() === '' &&
    sound.speechMs >= WORD_MS_MIN &&
    noSpeechProbability < thresholds.noSpeechProbability &&
    (endLogprob ?? 0) < NOTHING_LOGPROB_SURE
  );
}

/** Whether a text is there that may be better in context. */
export function isUnclear(result: DecodeResult): boolean {
  return result.tokens.length > 0 && avgLogprobOf(result) < UNCLEAR_LOGPROB;
}

function isClearer({ text, assessment }: Attempt, alone: Attempt): boolean {
  return text.trim() !== '' && !assessment.repetitive && assessment.avgLogprob > alone.assessment.avgLogprob;
}

function isBelieved({ text, assessment }: Attempt): boolean {
  return text.trim() !== '' && !assessment.unsure && !assessment.repetitive;
}

function isDoubtful({ assessment, text, sound }: Attempt): boolean {
  if (assessment.silent) return false;
  return assessment.repetitive || (text.trim() === '' && sound.speechMs >= SPEECH_MS_HEARD);
}

function verdict(
  { result, text, sound, assessment }: Attempt,
  temperature: number,
  speechRatio: number,
  tokenizer: EngineTokenizer,
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
  const { loop, isTooMuch } = assessment;
  if (!loop && !isTooMuch) return { ...facts, tokens: result.tokens, text: text.trim(), noise: null };
  // Something of a loop was heard, unless the model is unsure of it: then it comes of noise.
  if (loop?.start === 0 && assessment.unsure) return noise('repetition');
  const once = loop ? withoutSurplusCopies(result.tokens, loop, sound, tokenizer) : result.tokens;
  const tokens = isTooMuch ? withinTime(once, sound, tokenizer) : once;
  return { ...facts, tokens, text: tokenizer.decode(tokens.map((token) => token.id)).trim(), noise: null };
}

/**
 * One hypothesis and the next one, which begins `frames` later. Facts are those of the longer one; the mean is over all
 * tokens.
 */
export function joined(first: FinalDecode, next: FinalDecode, frames: number, tokenizer: EngineTokenizer): FinalDecode {
  const later = next.tokens.map((token): DecodedToken => ({ ...token, frame: token.frame + frames }));
  const tokens = [...first.tokens, ...later];
  const [count, nextCount] = [first.tokens.length + 1, later.length + 1];
  return {
    ...(later.length > first.tokens.length ? next : first),
    tokens,
    text: tokenizer.decode(tokens.map((token) => token.id)).trim(),
    noise: tokens.length > 0 ? null : (first.noise ?? next.noise),
    avgLogprob: (first.avgLogprob * count + next.avgLogprob * nextCount) / (count + nextCount),
  };
}
