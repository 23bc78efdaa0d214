// An engine whose tokens are known, for what is built around engines.
import type { DecodeRequest, DecodeResult, Engine } from '@sotto/server';

/** Hears one token for every half second, after `runMs`. `wrongWithDraft`: trusts drafts blindly. */
export class CountingEngine implements Engine {
  readonly maxBatch = 4;
  readonly #options: { readonly wrongWithDraft?: boolean; readonly runMs?: number };

  /** What was asked, run by run. */
  readonly batches: (readonly DecodeRequest[])[] = [];
  readonly model = {
    name: 'counting',
    languages: ['en'],
    isMultilingual: false,
    usesPreviousText: false,
    buckets: [32_000, 96_000],
    tailSilenceSamples: 3_200,
    maxTextTokens: 100,
    directory: '',
  };

  constructor(options: { readonly wrongWithDraft?: boolean; readonly runMs?: number } = {}) {
    this.#options = options;
  }

  /** Drafts of all requests, in their order. */
  get drafts(): number[][] {
    return this.batches.flat().map(({ draft }) => [...draft]);
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    const { wrongWithDraft = false, runMs = 0 } = this.#options;
    this.batches.push(batch);
    if (runMs > 0) await new Promise((resolve) => setTimeout(resolve, runMs));
    return batch.map(({ audio, draft }) => {
      const heard = Array.from({ length: Math.floor(audio.length / 8_000) }, (_, index) => index);
      return resultOf(wrongWithDraft && draft.length > 0 ? draft : heard, draft.length);
    });
  }

  async warmUp(): Promise<void> {}
  async close(): Promise<void> {}
}

/** What an engine answers that has heard these tokens. */
export const resultOf = (ids: readonly number[], draftAccepted = 0): DecodeResult => ({
  tokens: ids.map((id) => ({ id, logprob: 0, frame: 0 })),
  endLogprob: 0,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 0,
  draftAccepted,
  steps: 0,
});
