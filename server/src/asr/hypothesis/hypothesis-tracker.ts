// Follows the hypotheses of one segment: what is committed, what is tentative, what the next decode starts from.
import type { DecodedToken, DecodeResult } from '../engine.js';
import { withoutForeignLetters } from './foreign-letters.js';
import { assess, type GuardThresholds, WHISPER_THRESHOLDS } from './hallucination-guards.js';
import type { Hypothesis, StabilityPolicy } from './stability-policy.js';
import { withoutStockPhrase } from './stock-phrases.js';
import type { EngineTokenizer } from '../tokenizer.js';

/** Text of a partial; both parts carry their own spaces. */
export interface TrackedText {
  /** Begins with every earlier `stable` of the segment. */
  readonly stable: string;
  readonly tentative: string;
}

/** What the guards leave of a hypothesis. */
interface Understood {
  readonly tokens: readonly DecodedToken[];
  readonly mayCommit: boolean;
}

/**
 * Commits whole words only (characters, in languages without spaces), and a word only when another one follows it: the
 * last word of a hypothesis may still grow. What the guards suspect is held back before the policy sees it, since
 * LocalAgreement confirms a repetition loop as gladly as words.
 */
export class HypothesisTracker {
  readonly #tokenizer: EngineTokenizer;
  readonly #policy: StabilityPolicy;
  readonly #thresholds: GuardThresholds;
  readonly #committed: number[] = [];
  #stable = '';
  #language: string | null = null;
  /** The newest hypothesis behind what is committed. */
  #tail: Hypothesis | null = null;

  constructor(tokenizer: EngineTokenizer, policy: StabilityPolicy, thresholds: GuardThresholds = WHISPER_THRESHOLDS) {
    this.#tokenizer = tokenizer;
    this.#policy = policy;
    this.#thresholds = thresholds;
  }

  /** Tokens that the next partial is forced to begin with. They end at a word's end. */
  get committed(): readonly number[] {
    return this.#committed;
  }

  /** The newest hypothesis behind `committed`: the draft of the next decode. */
  get draft(): readonly number[] {
    return this.#tail?.tokens.map((token) => token.id) ?? [];
  }

  /** Whether anything was understood. */
  get hasWords(): boolean {
    return this.#committed.length > 0 || this.draft.length > 0;
  }

  /** The language of the committed text; null while nothing is committed: the next decode may still choose. */
  get language(): string | null {
    return this.#language;
  }

  /** Takes the outcome of a decode that was prompted with {@link committed}. */
  advance(result: DecodeResult, heardSamples: number): TrackedText {
    return this.#follow(result, this.#understand(result, heardSamples), heardSamples);
  }

  #understand(result: DecodeResult, heardSamples: number): Understood {
    const { language } = result;
    const own = withoutForeignLetters(result.tokens, this.#tokenizer, language);
    const spoken = withoutStockPhrase(own, this.#tokenizer, language);
    return this.#guard({ ...result, tokens: spoken }, heardSamples / 16);
  }

  #follow(result: DecodeResult, guarded: Understood, heardSamples: number): TrackedText {
    const current: Hypothesis = { tokens: guarded.tokens, heardSamples };
    const stableTokens = guarded.mayCommit ? this.#policy(current, this.#tail) : 0;
    const ids = current.tokens.map((token) => token.id);
    let count = 0;
    for (const word of this.#tokenizer.words(ids, result.language).slice(0, -1)) {
      if (word.past > stableTokens) break;
      count = word.past;
      this.#stable += word.text;
    }
    if (count > 0) {
      this.#committed.push(...ids.slice(0, count));
      this.#language ??= result.language;
    }
    this.#tail = { tokens: current.tokens.slice(count), heardSamples };
    return this.text;
  }

  /**
   * Takes the outcome of a decode of the whole window, free of {@link committed}. The text stays as it is where that is
   * contradicted, or nothing else is understood where words are shown: whether they were noise is for the final to say,
   * and it may be about to come.
   */
  review(result: DecodeResult, heardSamples: number): TrackedText {
    const agrees =
      result.language === (this.#language ?? result.language) &&
      this.#committed.every((id, at) => result.tokens[at]?.id === id);
    if (!agrees) return this.text;
    const behind = { ...result, tokens: result.tokens.slice(this.#committed.length) };
    const understood = this.#understand(behind, heardSamples);
    if (understood.tokens.length === 0 && this.draft.length > 0) return this.text;
    return this.#follow(behind, understood, heardSamples);
  }

  /** As it was told last. */
  get text(): TrackedText {
    // A character may be cut at the end of a hypothesis: its bytes come with the next one.
    const tentative = this.#tokenizer.decode(this.draft).replace(/\uFFFD+$/u, '');
    const stable = this.#stable.trimStart();
    return { stable, tentative: stable === '' ? tentative.trimStart() : tentative };
  }

  #guard(result: DecodeResult, audioMs: number): Understood {
    const text = this.#tokenizer.decode(result.tokens.map((token) => token.id));
    const { silent, unsure, repeats, loop } = assess(result, text, this.#thresholds, {
      audioMs,
      // While it is spoken nobody has counted the pauses; a loop runs to the end of the window, and there it is spoken.
      speechMs: audioMs,
    });
    if (silent) return { tokens: [], mayCommit: false };
    if (loop) return { tokens: result.tokens.slice(0, loop.start + loop.period), mayCommit: false };
    return { tokens: result.tokens, mayCommit: !unsure && !repeats };
  }
}
