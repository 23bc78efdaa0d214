// Recognition of a live segment: partials over the growing audio, then one final over all of it.
import { messageOf } from '@sotto/protocol';
import type { DecodeRequest, DecodeResult, Hotwords, Urgency } from './engine.js';
import { AsrError } from './errors.js';
import { isCompleteSentence } from './hypothesis/complete-sentence.js';
import { decodeFinal, type FinalAsk } from './hypothesis/final-decode.js';
import { type GuardThresholds, WHISPER_THRESHOLDS } from './hypothesis/hallucination-guards.js';
import { HypothesisTracker, type TrackedText } from './hypothesis/hypothesis-tracker.js';
import { stabilityPolicy } from './hypothesis/stability-policy.js';
import { SegmentScript } from './hypothesis/segment-script.js';
import { inOneLanguage, LanguageEvidence, type LanguageGuess } from './language-evidence.js';
import { findLanguage, languageCodes } from './model-languages.js';
import { timeWords } from './hypothesis/word-timing.js';
import { hotwordsOf } from './hotwords/hotwords.js';
import { previousTokens } from './hypothesis/previous-text.js';
import type { DecodeTiming, FinalHypothesis, RecognizedSegment, SegmentOptions } from './recognizer.js';
import { DEFAULT_STABILITY, type RecognizerOptions } from './recognizer-options.js';
import type { DecodeJob, Scheduler } from './scheduling/scheduler.js';
import { secondTries } from './scheduling/second-tries.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import type { EngineTokenizer } from './tokenizer.js';

/** When a partial is due after its request, milliseconds: about the time until the next one is asked for. */
const PARTIAL_DUE_MS = 500;
/** While it has no words yet, milliseconds: before what was asked for a moment ago of those that have. */
const FIRST_WORDS_DUE_MS = 200;
/** When a final is due, milliseconds. */
const FINAL_DUE_MS = 300;
/** Audio of a segment that is no speech, at least: the pre-roll, milliseconds. */
const PRE_ROLL_MS = 300;
/**
 * Where a session begins and its language is less sure than this, no words are shown of what was heard for less than
 * {@link LANGUAGE_HEARD_MS}: they would come in another language a moment later.
 */
const LANGUAGE_SURE = 0.5;
const LANGUAGE_HEARD_MS = 1_300;
/** Partials stretched by more than this leave the engines no time for finals that may not be needed. */
const EARLY_STRETCH_MAX = 1.5;

/** Finals that were decoded early. */
export interface EarlyFinalCounts {
  readonly begun: number;
  readonly used: number;
}

/** Counts for all segments together. */
export type EarlyFinalTally = { -readonly [count in keyof EarlyFinalCounts]: number };

/** The final of a segment that may end. */
interface EarlyFinal {
  /** Length of its audio. */
  readonly samples: number;
  readonly previous: readonly number[];
  /** Undefined where it came to nothing: superseded, dropped, or failed. */
  readonly result: Promise<DecodeResult | undefined>;
  isUnderWay: boolean;
  /** Begun because it was asked for, not early. */
  readonly isAsked: boolean;
}

/** A decode whose outcome is shown as a partial. */
interface Preview {
  readonly audio: Float32Array;
  /** See DecodeJob. */
  readonly spacing?: number | undefined;
  readonly dueInMs: number;
  readonly urgency?: Urgency;
  readonly request: () => DecodeRequest;
  /** Undefined: nothing is shown of it. */
  readonly track: (result: DecodeResult) => TrackedText | undefined;
}

const GREEDY: Omit<FinalAsk, 'audio'> = { temperature: 0, seed: 0, withPrevious: true };

/** One segment: partials while it grows, its final where it may end, its final. */
export class LiveSegment implements RecognizedSegment {
  readonly #scheduler: Scheduler;
  readonly #tokenizer: EngineTokenizer;
  readonly #recognition: RecognizerOptions;
  readonly #earlyFinals: EarlyFinalTally;
  readonly #options: SegmentOptions;
  readonly #thresholds: GuardThresholds;
  readonly #tracker: HypothesisTracker;
  /** Text before it, and as tokens. */
  #previousText: string | undefined;
  #previous: readonly number[] = [];
  readonly #language: string | null;
  /** What it may be where that is not said. */
  readonly #among: readonly string[];
  readonly #evidence: LanguageEvidence;
  /** By the audio so far. */
  #guess: LanguageGuess | undefined;
  readonly #script: SegmentScript;
  #early: EarlyFinal | undefined;
  #state: 'open' | 'finishing' | 'over' = 'open';

  constructor(
    scheduler: Scheduler,
    tokenizer: EngineTokenizer,
    recognition: RecognizerOptions,
    earlyFinals: EarlyFinalTally,
    options: SegmentOptions,
  ) {
    this.#scheduler = scheduler;
    this.#tokenizer = tokenizer;
    this.#recognition = recognition;
    this.#earlyFinals = earlyFinals;
    this.#options = options;
    this.#thresholds = recognition.thresholds ?? WHISPER_THRESHOLDS;
    const policy = stabilityPolicy(recognition.stability ?? DEFAULT_STABILITY, recognition.holdbackMs);
    this.#tracker = new HypothesisTracker(tokenizer, policy, this.#thresholds);
    this.#follow(options.previousText);
    const asked = findLanguage(options.language, scheduler.model.languages);
    this.#language = asked === undefined || asked.code === 'auto' ? null : asked.code;
    this.#among = languageCodes(
      options.among?.length ? options.among : (recognition.languages ?? []),
      scheduler.model.languages,
    );
    this.#evidence = options.languages ?? new LanguageEvidence();
    this.#script = new SegmentScript(asked?.script, recognition.chineseScript);
  }

  update(audio: Float32Array, spacing?: number): void {
    if (this.#state !== 'open' || audio.length === 0) return;
    void this.#preview({
      audio,
      spacing,
      ...(this.#tracker.hasWords
        ? { dueInMs: PARTIAL_DUE_MS, urgency: 'refining' }
        : { dueInMs: FIRST_WORDS_DUE_MS, urgency: 'awaited' }),
      request: () => this.#partialRequest(audio),
      track: (result) => this.#advance(result, audio),
    });
  }

  anticipate(audio: Float32Array): boolean {
    const isWanted = this.#recognition.earlyFinals ?? true;
    if (!isWanted || this.#state !== 'open' || audio.length === 0) return false;
    if (this.#scheduler.stretch > EARLY_STRETCH_MAX) return false;
    this.#earlyFinals.begun += 1;
    const result = this.#preview({
      audio,
      dueInMs: FINAL_DUE_MS,
      request: () => {
        early.isUnderWay = true;
        return this.#finalRequest({ audio, ...GREEDY }, this.#language);
      },
      track: (result) => {
        this.#hearLanguage(result, audio);
        return this.#isOther(result) ? this.#tracker.text : this.#tracker.review(result, audio.length);
      },
    });
    const early: EarlyFinal = {
      samples: audio.length,
      previous: this.#previous,
      result,
      isUnderWay: false,
      isAsked: false,
    };
    this.#early = early;
    return true;
  }

  async isComplete(audio: Float32Array, before: Promise<string>): Promise<boolean> {
    if (audio.length === 0) return false;
    this.#follow(await before);
    if (this.#state !== 'open') return false;
    const result = (await this.#earlyOf(audio)) ?? (await this.#decodeNow(audio));
    return result !== undefined && isCompleteSentence(result, this.#tokenizer);
  }

  async finish(audio: Float32Array, speechRatio: number, before?: Promise<string>): Promise<FinalHypothesis> {
    if (this.#state !== 'open') throw new AsrError('cancelled', 'the segment is over');
    this.#state = 'finishing';
    try {
      if (before !== undefined) this.#follow(await before);
      return await this.#final(audio, speechRatio);
    } finally {
      this.#state = 'over';
    }
  }

  cancel(): void {
    this.#state = 'over';
    this.#scheduler.cancel(this);
  }

  /** Decodes and tells what was heard so far; answers what the engine said, if it did. */
  async #preview({
    audio,
    spacing,
    dueInMs,
    urgency = 'awaited',
    request,
    track,
  }: Preview): Promise<DecodeResult | undefined> {
    try {
      const outcome = await this.#scheduler.submit({
        segment: this,
        kind: 'partial',
        isAttended: this.#options.isAttended,
        spacing,
        dueInMs,
        urgency,
        samples: audio.length,
        request,
        onRun: this.#onRun('partial'),
      });
      if (outcome.status !== 'decoded' || this.#isOver()) return undefined;
      const tracked = track(outcome.result);
      if (tracked === undefined) return outcome.result;
      const turned = this.#script.ofPartial(tracked, outcome.result.language);
      const text = turned instanceof Promise ? await turned : turned;
      if (this.#isOver()) return undefined;
      this.#options.onPartial({ ...text, heardSamples: audio.length });
      return outcome.result;
    } catch (error) {
      if (!this.#isOver()) this.#options.onError(error instanceof Error ? error : new Error(messageOf(error)));
      return undefined;
    }
  }

  /** What was heard in another language than is spoken is not shown, but heard again in the right one. */
  #advance(result: DecodeResult, audio: Float32Array): TrackedText | undefined {
    this.#hearLanguage(result, audio);
    const isOpen = this.#tracker.language === null;
    if (isOpen && this.#isOther(result)) {
      this.update(audio);
      return undefined;
    }
    const isUnsure = isOpen && this.#evidence.leader === null && (this.#guess?.probability ?? 1) < LANGUAGE_SURE;
    const isShown = !isUnsure || audio.length >= LANGUAGE_HEARD_MS * SAMPLES_PER_MS;
    return this.#tracker.advance(isShown ? result : { ...result, tokens: [] }, audio.length);
  }

  #hearLanguage({ languageProbabilities }: DecodeResult, audio: Float32Array): void {
    if (this.#language !== null || languageProbabilities === undefined) return;
    const speechMs = Math.max(0, audio.length / SAMPLES_PER_MS - PRE_ROLL_MS);
    this.#guess = this.#evidence.guess(languageProbabilities, speechMs, this.#among);
  }

  #isOther({ language }: DecodeResult): boolean {
    return this.#guess !== undefined && this.#guess.language !== language;
  }

  #partialRequest(audio: Float32Array): DecodeRequest {
    const { committed, draft, language } = this.#tracker;
    const prompt = {
      language: this.#language ?? language ?? this.#guess?.language ?? this.#evidence.leader ?? null,
      task: this.#options.task,
      previous: this.#previous,
      committed: [...committed],
    };
    return { audio, prompt, draft, temperature: 0, seed: 0, hotwords: this.#hotwords, isSpoken: true };
  }

  /**
   * The final is not forced to begin with what partials called stable: it hears the whole segment with nothing fixed,
   * so that streaming costs no accuracy. What was stable is its draft, and mostly comes out again.
   */
  async #final(audio: Float32Array, speechRatio: number): Promise<FinalHypothesis> {
    if (audio.length === 0)
      return { text: '', noise: 'empty', words: [], language: this.#options.language, avgLogprob: 0, noSpeechProb: 1 };
    const run = inOneLanguage(
      (ask: FinalAsk, language) => this.#finalRun(ask, language),
      this.#language,
      ({ language, languageProbabilities = { [language]: 1 } }) =>
        this.#evidence.take(languageProbabilities, (audio.length / 16) * speechRatio, this.#among) ?? language,
    );
    const decoded = await decodeFinal(run, { audio, speechRatio }, this.#tokenizer, {
      thresholds: this.#thresholds,
      ...secondTries(this.#scheduler, this, this.#recognition),
    });
    const { noise, language, avgLogprob, noSpeechProb } = decoded;
    const heard = this.#options.words
      ? timeWords(decoded.tokens, language, [0, audio.length / SAMPLES_PER_MS], this.#tokenizer)
      : [];
    const { text, words } = await this.#script.of({ text: decoded.text, words: heard }, language);
    return { text, words, language, avgLogprob, noSpeechProb, ...(noise ? { noise } : {}) };
  }

  async #finalRun(ask: FinalAsk, language: string | null): Promise<DecodeResult> {
    const isFirst = ask.withPrevious && ask.isSpoken !== true;
    const early = isFirst && language === this.#language ? await this.#takeEarly(ask.audio) : undefined;
    if (this.#isOver()) throw new AsrError('cancelled', 'the segment was cancelled');
    return early ?? this.#submitFinal(ask, language);
  }

  async #submitFinal(ask: FinalAsk, language: string | null): Promise<DecodeResult> {
    const outcome = await this.#scheduler.submit({
      segment: this,
      kind: 'final',
      isAttended: this.#options.isAttended,
      ...(ask.isAgain === true && { isAgain: true }),
      dueInMs: FINAL_DUE_MS,
      samples: ask.audio.length,
      request: () => this.#finalRequest(ask, language),
      onRun: this.#onRun('final'),
    });
    if (outcome.status !== 'decoded' || this.#isOver()) throw new AsrError('cancelled', 'the segment was cancelled');
    return outcome.result;
  }

  /** The final of a segment of which it is asked whether it is complete; undefined where it came to nothing. */
  #decodeNow(audio: Float32Array): Promise<DecodeResult | undefined> {
    const result = this.#submitFinal({ audio, ...GREEDY }, this.#language).catch(() => undefined);
    this.#early = { samples: audio.length, previous: this.#previous, result, isUnderWay: true, isAsked: true };
    return result;
  }

  async #takeEarly(audio: Float32Array): Promise<DecodeResult | undefined> {
    const result = await this.#earlyOf(audio);
    if (result && this.#early?.isAsked === false) this.#earlyFinals.used += 1;
    return result;
  }

  /**
   * The early decode, if it was one of this audio. One that still waits is not waited for: the final supersedes it and
   * has the right of way.
   */
  async #earlyOf(audio: Float32Array): Promise<DecodeResult | undefined> {
    const early = this.#early;
    if (early?.samples !== audio.length || !early.isUnderWay) return undefined;
    // It was told another text before it, since a final had not come yet.
    if (early.previous.join() !== this.#previous.join()) return undefined;
    return early.result;
  }

  #finalRequest(
    { audio, temperature, seed, withPrevious, isSpoken = false }: FinalAsk,
    language: string | null,
  ): DecodeRequest {
    return {
      audio,
      prompt: {
        language,
        task: this.#options.task,
        previous: withPrevious ? this.#previous : [],
        committed: [],
      },
      draft: temperature === 0 ? [...this.#tracker.committed, ...this.#tracker.draft] : [],
      temperature,
      seed,
      hotwords: this.#hotwords,
      isSpoken,
    };
  }

  get #hotwords(): Hotwords | undefined {
    return hotwordsOf(this.#options.hotwords);
  }

  #onRun(kind: DecodeTiming['kind']): DecodeJob['onRun'] {
    const { onDecode } = this.#options;
    return onDecode && ((run) => onDecode({ kind, ...run }));
  }

  /** It mostly is told the same text when it begins, pauses and ends. */
  #follow(text: string): void {
    if (!this.#scheduler.model.usesPreviousText || text === this.#previousText) return;
    this.#previousText = text;
    this.#previous = previousTokens(this.#tokenizer, text);
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }
}
