// Recognition of a live segment: partials over the growing audio, then one final over all of it.
import { messageOf } from '@sotto/protocol';
import { EarlyDecode, EarlyFinal, type EarlyFinalTally } from './early-final.js';
import type { DecodeRequest, DecodeResult, Urgency } from './engine.js';
import { AsrError } from './errors.js';
import { behindContext } from './hypothesis/behind-context.js';
import { isCompleteSentence } from './hypothesis/complete-sentence.js';
import { decodeFinal, isUnclear, type FinalAsk } from './hypothesis/final-decode.js';
import { type GuardThresholds, WHISPER_THRESHOLDS } from './hypothesis/hallucination-guards.js';
import { HypothesisTracker, type TrackedText } from './hypothesis/hypothesis-tracker.js';
import { stabilityPolicy } from './hypothesis/stability-policy.js';
import { SegmentScript } from './hypothesis/segment-script.js';
import { inOneLanguage, LanguageEvidence, type LanguageGuess } from './language-evidence.js';
import { LeftContext } from './left-context.js';
import { findLanguage, languageCodes } from './model-languages.js';
import { soundRuns } from './hypothesis/sound-runs.js';
import { timeWords } from './hypothesis/word-timing.js';
import type { DecodeTiming, FinalHypothesis, RecognizedSegment, SegmentOptions, TextBefore } from './recognizer.js';
import { DEFAULT_STABILITY, type RecognizerOptions } from './recognizer-options.js';
import type { DecodeJob, DecodeScheduler } from './scheduling/decode-scheduler.js';
import { secondTries } from './scheduling/second-tries.js';
import { GREEDY, SegmentRequests } from './segment-requests.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import type { EngineTokenizer } from './tokenizer.js';

/** When a partial is due after its request, milliseconds: about the time until the next one is asked for. */
const PARTIAL_DUE_MS = 500;
/** While it has no words yet, milliseconds: before what was asked for a moment ago of those that have. */
const FIRST_WORDS_DUE_MS = 200;
/** When a final is due, milliseconds. */
const FINAL_DUE_MS = 300;
/** By how much speech may begin before the detector notices it, milliseconds. */
const SOFT_ONSET_MS = 100;
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

/**
 * Share of the engines' time that is asked for, above which no segment is heard in context: that is worth a second run
 * of up to 16 s only while nobody has to wait for it.
 */
const CONTEXT_LOAD_MAX = 0.5;

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

/** One segment: partials while it grows, its final where it may end, its final. */
export class LiveSegment implements RecognizedSegment {
  readonly #scheduler: DecodeScheduler;
  readonly #tokenizer: EngineTokenizer;
  readonly #recognition: RecognizerOptions;
  readonly #earlyFinals: EarlyFinalTally;
  readonly #options: SegmentOptions;
  readonly #thresholds: GuardThresholds;
  readonly #tracker: HypothesisTracker;
  readonly #requests: SegmentRequests;
  readonly #language: string | null;
  /** What it may be where that is not said. */
  readonly #among: readonly string[];
  readonly #evidence: LanguageEvidence;
  readonly #leftContext: LeftContext;
  /** By the audio so far. */
  #guess: LanguageGuess | undefined;
  readonly #script: SegmentScript;
  /**
   * The final that was begun where the segment may end, and the one decoded since it was asked whether it is complete.
   */
  #early: EarlyFinal | undefined;
  #asked: EarlyFinal | undefined;
  #state: 'open' | 'finishing' | 'over' = 'open';

  constructor(
    scheduler: DecodeScheduler,
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
    const asked = findLanguage(options.language, scheduler.model.languages);
    this.#language = asked === undefined || asked.code === 'auto' ? null : asked.code;
    this.#among = languageCodes(
      options.among?.length ? options.among : (recognition.languages ?? []),
      scheduler.model.languages,
    );
    this.#evidence = options.languages ?? new LanguageEvidence();
    this.#leftContext = options.leftContext ?? new LeftContext();
    this.#requests = new SegmentRequests(scheduler, tokenizer, this.#tracker, this.#leftContext, options);
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
      request: () => this.#requests.partial(audio, this.#languageSoFar, this.#isLanguageOpen),
      track: (result) => this.#advance(result, audio),
    });
  }

  anticipate(audio: Float32Array): boolean {
    const isWanted = this.#recognition.earlyFinals ?? true;
    if (!isWanted || this.#state !== 'open' || audio.length === 0) return false;
    if (this.#scheduler.stretch > EARLY_STRETCH_MAX) return false;
    this.#earlyFinals.begun += 1;
    const early = new EarlyFinal(this.#heardOf(audio), (onBegin) =>
      this.#preview({
        audio,
        dueInMs: FINAL_DUE_MS,
        request: () => {
          onBegin();
          return this.#requests.final({ audio, ...GREEDY }, this.#language);
        },
        track: (result) => {
          this.#hearLanguage(result, audio);
          return this.#isOther(result) ? this.#tracker.text : this.#tracker.review(result, audio.length);
        },
      }),
    );
    this.#early = early;
    void this.#anticipateInContext(early, audio);
    return true;
  }

  /** While there is time until the segment ends: nobody sees it before. */
  async #anticipateInContext(early: EarlyFinal, audio: Float32Array): Promise<void> {
    const alone = await early.result;
    if (alone === undefined || !isUnclear(alone) || !this.#hasTimeForContext) return;
    if (this.#state !== 'open' || this.#early !== early) return;
    const ask = this.#requests.inContext(audio, alone);
    if (ask === undefined) return;
    const decode = new EarlyDecode((onBegin) =>
      this.#preview({
        audio: ask.request.audio,
        dueInMs: PARTIAL_DUE_MS,
        urgency: 'refining',
        request: () => {
          onBegin();
          return ask.request;
        },
        track: () => undefined,
      }),
    );
    early.inContext = { revision: this.#leftContext.revision, decode };
  }

  async isComplete(audio: Float32Array, before: Promise<TextBefore>): Promise<boolean> {
    if (audio.length === 0) return false;
    this.#requests.follow(await before);
    if (this.#state !== 'open') return false;
    const result = (await this.#early?.takenFor(this.#heardOf(audio))) ?? (await this.#decodeAsked(audio));
    return result !== undefined && isCompleteSentence(result, this.#tokenizer);
  }

  async finish(audio: Float32Array, speechRatio: number, before?: Promise<TextBefore>): Promise<FinalHypothesis> {
    if (this.#state !== 'open') throw new AsrError('cancelled', 'the segment is over');
    this.#state = 'finishing';
    try {
      if (before !== undefined) this.#requests.follow(await before);
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
    const isOpen = this.#isLanguageOpen;
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

  /** Until words are shown. */
  get #isLanguageOpen(): boolean {
    return this.#language === null && this.#tracker.language === null;
  }

  #isOther({ language }: DecodeResult): boolean {
    return this.#guess !== undefined && this.#guess.language !== language;
  }

  /** The one asked for, or the best guess. */
  get #languageSoFar(): string | null {
    return this.#language ?? this.#tracker.language ?? this.#guess?.language ?? this.#evidence.leader ?? null;
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
      previousText: this.#tokenizer.decode(this.#requests.previous),
      endsInSpeech: true,
      ...(this.#hasTimeForContext && { inContext: (alone) => this.#inContext(audio, alone) }),
    });
    const { noise, language, avgLogprob, noSpeechProb } = decoded;
    const heard = this.#options.words
      ? timeWords(
          decoded.tokens,
          language,
          [this.#speechFromMs, audio.length / SAMPLES_PER_MS],
          this.#tokenizer,
          soundRuns(audio),
        )
      : [];
    if (noise === null && this.#hasTimeForContext) this.#requests.remember(audio, decoded);
    const { text, words } = await this.#script.of({ text: decoded.text, words: heard }, language);
    return { text, words, language, avgLogprob, noSpeechProb, ...(noise ? { noise } : {}) };
  }

  async #finalRun(ask: FinalAsk, language: string | null): Promise<DecodeResult> {
    const isFirst = ask.withPrevious && ask.isSpoken !== true;
    const decoded = isFirst && language === this.#language ? await this.#takeDecoded(ask.audio) : undefined;
    if (this.#isOver()) throw new AsrError('cancelled', 'the segment was cancelled');
    return decoded ?? this.#submitFinal(ask, language);
  }

  #submitFinal(ask: FinalAsk, language: string | null): Promise<DecodeResult> {
    return this.#submit(ask.audio, ask.isAgain ?? false, () => this.#requests.final(ask, language));
  }

  async #submit(audio: Float32Array, isAgain: boolean, request: () => DecodeRequest): Promise<DecodeResult> {
    const outcome = await this.#scheduler.submit({
      segment: this,
      kind: 'final',
      isAttended: this.#options.isAttended,
      isAgain,
      dueInMs: FINAL_DUE_MS,
      samples: audio.length,
      request,
      onRun: this.#onRun('final'),
    });
    if (outcome.status !== 'decoded' || this.#isOver()) throw new AsrError('cancelled', 'the segment was cancelled');
    return outcome.result;
  }

  /** Soft first sounds are detected a little late. */
  get #speechFromMs(): number {
    return Math.max(0, (this.#options.preRollMs ?? 0) - SOFT_ONSET_MS);
  }

  get #hasTimeForContext(): boolean {
    return this.#scheduler.load <= CONTEXT_LOAD_MAX;
  }

  /** The segment behind what was said before it. */
  async #inContext(audio: Float32Array, alone: DecodeResult): Promise<DecodeResult | undefined> {
    const ask = this.#requests.inContext(audio, alone);
    if (ask === undefined) return undefined;
    const early = await this.#early?.takenInContext(audio.length, this.#leftContext.revision);
    const result = early ?? (await this.#submit(ask.request.audio, true, () => ask.request));
    return behindContext(result, ask.start, this.#tokenizer);
  }

  /** Its final, decoded since it is asked whether it is complete; undefined where it came to nothing. */
  #decodeAsked(audio: Float32Array): Promise<DecodeResult | undefined> {
    const heard = this.#heardOf(audio);
    const known = this.#asked?.takenFor(heard);
    if (known !== undefined) return known;
    this.#asked = new EarlyFinal(heard, (onBegin) => {
      onBegin();
      return this.#submitFinal({ audio, ...GREEDY }, this.#language).catch(() => undefined);
    });
    return this.#asked.result;
  }

  /** What was decoded of the same audio before it was asked for. */
  async #takeDecoded(audio: Float32Array): Promise<DecodeResult | undefined> {
    const heard = this.#heardOf(audio);
    const early = await this.#early?.takenFor(heard);
    if (early === undefined) return this.#asked?.takenFor(heard);
    this.#earlyFinals.used += 1;
    return early;
  }

  #heardOf(audio: Float32Array): EarlyFinal['heard'] {
    return { samples: audio.length, previous: this.#requests.previous };
  }

  #onRun(kind: DecodeTiming['kind']): DecodeJob['onRun'] {
    const { onDecode } = this.#options;
    return onDecode && ((run) => onDecode({ kind, ...run }));
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }
}
