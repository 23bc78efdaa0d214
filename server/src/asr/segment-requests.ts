// What the engine is asked about one segment: for a partial, for its final, for its final in context.
import {
  bucketFor,
  type DecodePrompt,
  type DecodeRequest,
  type DecodeResult,
  type Engine,
  type EngineModel,
  type Hotwords,
} from './engine.js';
import type { FinalAsk } from './hypothesis/final-decode.js';
import type { HypothesisTracker } from './hypothesis/hypothesis-tracker.js';
import { previousTokens } from './hypothesis/previous-text.js';
import { hotwordsOf } from './hotwords/hotwords.js';
import { CONTEXT_WINDOW_SAMPLES, joined, type LeftContext } from './left-context.js';
import type { SegmentOptions, TextBefore } from './recognizer.js';
import type { EngineTokenizer } from './tokenizer.js';

export const GREEDY: Omit<FinalAsk, 'audio'> = { temperature: 0, seed: 0, withPrevious: true };

/** A segment in one window with what was said before it. */
export interface RequestInContext {
  readonly request: DecodeRequest;
  /** Where the segment begins, samples. */
  readonly start: number;
}

export class SegmentRequests {
  readonly #model: EngineModel;
  readonly #contextWindow: number;
  readonly #tokenizer: EngineTokenizer;
  readonly #tracker: HypothesisTracker;
  readonly #leftContext: LeftContext;
  readonly #task: SegmentOptions['task'];
  readonly #terms: readonly string[];
  /** Text before it, and as tokens. */
  #previousText: string | undefined;
  #previous: readonly number[] = [];
  #previousLanguage: string | undefined;

  constructor(
    { model, sharesTime }: Pick<Engine, 'model' | 'sharesTime'>,
    tokenizer: EngineTokenizer,
    tracker: HypothesisTracker,
    leftContext: LeftContext,
    options: Pick<SegmentOptions, 'task' | 'hotwords' | 'previousText' | 'previousLanguage'>,
  ) {
    this.#model = model;
    this.#contextWindow = CONTEXT_WINDOW_SAMPLES[sharesTime === true ? 'cpu' : 'gpu'];
    this.#tokenizer = tokenizer;
    this.#tracker = tracker;
    this.#leftContext = leftContext;
    this.#task = options.task;
    this.#terms = options.hotwords;
    this.follow({ text: options.previousText, language: options.previousLanguage });
  }

  /** Tokens of the text before it. */
  get previous(): readonly number[] {
    return this.#previous;
  }

  /** It mostly is told the same text when it begins, pauses and ends. */
  follow({ text, language }: TextBefore): void {
    if (!this.#model.usesPreviousText) return;
    this.#previousLanguage = language;
    if (text === this.#previousText) return;
    this.#previousText = text;
    this.#previous = previousTokens(this.#tokenizer, text);
  }

  /** `isGuess`: whether the language is one. */
  partial(audio: Float32Array, language: string | null, isGuess: boolean): DecodeRequest {
    const { committed, draft } = this.#tracker;
    const prompt = { language, isGuess, task: this.#task, ...this.#told, committed: [...committed] };
    return { audio, prompt, draft, temperature: 0, seed: 0, hotwords: this.#hotwords, isSpoken: true };
  }

  final({ withPrevious, isSpoken = false, ...how }: FinalAsk, language: string | null): DecodeRequest {
    const { committed, draft } = this.#tracker;
    return {
      ...how,
      prompt: { language, task: this.#task, ...(withPrevious ? this.#told : { previous: [] }), committed: [] },
      draft: how.temperature === 0 ? [...committed, ...draft] : [],
      hotwords: this.#hotwords,
      isSpoken,
    };
  }

  /**
   * `alone`: what was heard of the segment alone. Undefined where nothing was said before it that fits into its window.
   */
  inContext(audio: Float32Array, { language, tokens }: DecodeResult): RequestInContext | undefined {
    const room = this.#contextWindow - this.#model.tailSilenceSamples - audio.length;
    const before = this.#leftContext.before({ language, task: this.#task }, room);
    if (before === undefined || before.tokens.length > this.#model.maxTextTokens) return undefined;
    const window = joined([before.audio, audio]);
    if (bucketFor(window.length, this.#model) === undefined) return undefined;
    const prompt = { language, task: this.#task, previous: before.previous, committed: before.tokens };
    const draft = tokens.map(({ id }) => id);
    return {
      start: before.audio.length,
      request: { audio: window, prompt, draft, temperature: 0, seed: 0, hotwords: this.#hotwords },
    };
  }

  /** What segments after it are heard behind. */
  remember(audio: Float32Array, { tokens, language }: Pick<DecodeResult, 'tokens' | 'language'>): void {
    const wasTold = this.#previousLanguage === undefined || this.#previousLanguage === language;
    const previous = wasTold ? this.#previous : [];
    const heard = { audio, tokens: tokens.map(({ id }) => id), previous, language, task: this.#task };
    this.#leftContext.add(heard, this.#contextWindow);
  }

  get #told(): Pick<DecodePrompt, 'previous' | 'previousLanguage'> {
    return { previous: this.#previous, previousLanguage: this.#previousLanguage };
  }

  get #hotwords(): Hotwords | undefined {
    return hotwordsOf(this.#terms);
  }
}
