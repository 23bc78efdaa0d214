// Which language a session or a recording is in, by all that was said so far rather than by each utterance alone.

/** Probability of each language that is not all but impossible, as the model says it at one window. */
export type LanguageProbabilities = Readonly<Record<string, number>>;

/** Speech from which another language than before is believed as the model says it, milliseconds; of less, less. */
const SURE_MS = 3_000;
/** Speech that is remembered, milliseconds: after as much in another language, that is what is spoken. */
const MEMORY_MS = 20_000;
/** What speaks for a language that was not spoken yet, milliseconds of speech. */
const UNSPOKEN_MS = 200;

/**
 * How much speech of each language Whisper has heard in training, hours, by order of magnitude (Radford et al. 2022,
 * "Robust Speech Recognition via Large-Scale Weak Supervision", appendix E).
 */
const TAUGHT_HOURS: ReadonlyMap<string, number> = new Map([
  ['en', 400_000],
  ...'zh de es ru fr pt ko ja tr pl it sv nl'.split(' ').map((language) => [language, 7_000] as const),
  ...'ca fi id ar uk vi he el da ms hu ro no th cs ta ur'.split(' ').map((language) => [language, 500] as const),
]);
const TAUGHT_LITTLE_HOURS = 20;
/**
 * How much that counts. On the first 0.6 to 2.5 s of 86 recordings in four languages the model alone is wrong in 40 of
 * 343, mostly with a language that it hardly knows (Welsh, Bengali, Maori); with this in 32, and no language loses.
 */
const TAUGHT_POWER = 0.2;

/** Which language it is, and how sure that is, 0-1. */
export interface LanguageGuess {
  readonly language: string;
  readonly probability: number;
}

/**
 * What was said so far speaks for a language by its probability and the length of the speech; at the beginning a
 * language that the model knows well is more likely than one it hardly knows. The same utterances in the same order
 * give the same answers.
 */
export class LanguageEvidence {
  readonly #speechMs: Map<string, number>;

  /** @param speechMs what {@link speechMs} of an earlier one was */
  constructor(speechMs: Readonly<Record<string, number>> = {}) {
    this.#speechMs = new Map(Object.entries(speechMs));
  }

  /** Speech that is remembered of each language, milliseconds. */
  get speechMs(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#speechMs);
  }

  /** The language that most of the speech was in; null before there was any. */
  get leader(): string | null {
    const [first] = [...this.#speechMs].sort(([, a], [, b]) => b - a);
    return first === undefined || first[1] < UNSPOKEN_MS ? null : first[0];
  }

  /**
   * The language of what is being said: the most probable one, given what was said before. Undefined where nothing is
   * known of any.
   * @param among the languages that it may be; empty: all
   */
  guess(
    probabilities: LanguageProbabilities,
    speechMs: number,
    among: readonly string[] = [],
  ): LanguageGuess | undefined {
    const trust = Math.max(0.05, Math.min(1, speechMs / SURE_MS));
    const spoken = (language: string): number => Math.log1p((this.#speechMs.get(language) ?? 0) / UNSPOKEN_MS) / trust;
    const scores = Object.entries(heard(probabilities, among)).map(
      ([language, probability]) => [language, Math.log(probability) + spoken(language)] as const,
    );
    const [best] = scores.sort(([, a], [, b]) => b - a);
    if (best === undefined) return undefined;
    const sum = scores.reduce((total, [, score]) => total + Math.exp(score - best[1]), 0);
    return { language: best[0], probability: 1 / sum };
  }

  /** The language of the next utterance, as guessed. It becomes part of the evidence. */
  take(probabilities: LanguageProbabilities, speechMs: number, among: readonly string[] = []): string | undefined {
    const guessed = this.guess(probabilities, speechMs, among);
    this.#remember(heard(probabilities, among), speechMs);
    return guessed?.language;
  }

  #remember(probabilities: LanguageProbabilities, speechMs: number): void {
    const total = [...this.#speechMs.values()].reduce((sum, ms) => sum + ms, 0);
    const kept = Math.min(1, Math.max(0, MEMORY_MS - speechMs) / Math.max(1, total));
    for (const [language, ms] of this.#speechMs) this.#speechMs.set(language, ms * kept);
    for (const [language, probability] of Object.entries(probabilities)) {
      this.#speechMs.set(language, (this.#speechMs.get(language) ?? 0) + probability * Math.min(speechMs, MEMORY_MS));
    }
  }
}

/** Probabilities with what is known of languages at large, of those that may be spoken; they sum to one. */
function heard(probabilities: LanguageProbabilities, among: readonly string[]): LanguageProbabilities {
  const may = (language: string): boolean => among.length === 0 || among.includes(language);
  const known = Object.entries(probabilities).filter(([language]) => may(language));
  // None of them was told, since all are all but impossible: then the first that may be, which is better than one that
  // may not.
  if (known.length === 0 && among[0] !== undefined) return { [among[0]]: 1 };
  const weighed = known.map(
    ([language, probability]) =>
      [language, probability * (TAUGHT_HOURS.get(language) ?? TAUGHT_LITTLE_HOURS) ** TAUGHT_POWER] as const,
  );
  const sum = weighed.reduce((total, [, weight]) => total + weight, 0);
  return Object.fromEntries(weighed.map(([language, weight]) => [language, weight / sum]));
}

/**
 * Decodes in one language from the second attempt on: the one asked for, or what `choose` makes of the first attempt,
 * which is done again where it was in another.
 */
export function inOneLanguage<Ask, Result extends { readonly language: string }>(
  decode: (ask: Ask, language: string | null) => Promise<Result>,
  language: string | null,
  choose: (result: Result) => string | Promise<string>,
): (ask: Ask) => Promise<Result> {
  let settled = language;
  return async (ask) => {
    const result = await decode(ask, settled);
    if (settled !== null) return result;
    settled = await choose(result);
    return settled === result.language ? result : decode(ask, settled);
  };
}
