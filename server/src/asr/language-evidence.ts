// Which language a session or a recording is in, by all that was said so far rather than by each utterance alone.

/** Probability of each language that is not all but impossible, as the model says it at one window. */
export type LanguageProbabilities = Readonly<Record<string, number>>;

/** Speech from which the model is to be believed as it says, milliseconds; of less it is less sure than it says. */
const SURE_MS = 3_000;
/** Speech that is remembered, milliseconds: after as much in another language, that is what is spoken. */
const MEMORY_MS = 20_000;
/** What speaks for a language that was not spoken yet, milliseconds of speech. */
const UNSPOKEN_MS = 200;

/**
 * What was said so far speaks for a language by its probability and the length of the speech. The same utterances in
 * the same order give the same answers.
 */
export class LanguageEvidence {
  readonly #speechMs = new Map<string, number>();

  /** The language that most of the speech was in; null before there was any. */
  get leader(): string | null {
    const [first] = [...this.#speechMs].sort(([, a], [, b]) => b - a);
    return first === undefined || first[1] < UNSPOKEN_MS ? null : first[0];
  }

  /**
   * The language of the next utterance: the most probable one, given those before it. It becomes part of the evidence.
   */
  take(probabilities: LanguageProbabilities, speechMs: number): string | undefined {
    const weight = Math.min(1, speechMs / SURE_MS);
    const score = ([language, probability]: readonly [string, number]): number =>
      Math.log((this.#speechMs.get(language) ?? 0) + UNSPOKEN_MS) + weight * Math.log(probability);
    const [best] = Object.entries(probabilities).sort((a, b) => score(b) - score(a));
    this.#remember(probabilities, speechMs);
    return best?.[0];
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
