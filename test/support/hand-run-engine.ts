// An engine whose runs end when a test says so, and what a scheduler is asked to have decoded on it.
import type { DecodeKind } from '../../server/src/asr/scheduling/decode-queue.js';
import type { DecodeRequest, DecodeResult, Engine, EngineModel } from '../../server/src/asr/engine.js';

export const RESULT: DecodeResult = {
  tokens: [],
  endLogprob: -0.1,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 0,
  draftAccepted: 0,
  steps: 1,
};
export const MODEL: EngineModel = {
  name: 'held',
  languages: ['en'],
  isMultilingual: false,
  usesPreviousText: false,
  buckets: [32_000, 64_000, 480_000],
  tailSilenceSamples: 8_000,
  maxTextTokens: 224,
  directory: '',
};

/** A clock that a test moves by hand; what is to happen later never does. */
export const stillAt = (now: () => number) => ({ now, after: () => () => {} });

/** An engine whose runs end when the test says so. */
export class HandRunEngine implements Engine {
  readonly model = MODEL;
  readonly runs: { readonly batch: readonly DecodeRequest[]; succeed(): void; fail(error: Error): void }[] = [];

  isUp = true;
  sharesTime = false;
  readonly maxBatch: number;
  readonly runsInFlight: number;

  constructor(maxBatch = 4, runsInFlight = 1) {
    this.maxBatch = maxBatch;
    this.runsInFlight = runsInFlight;
  }

  decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return new Promise((resolve, reject) => {
      this.runs.push({ batch, succeed: () => resolve(batch.map(() => RESULT)), fail: reject });
    });
  }

  async warmUp(): Promise<void> {}
  async close(): Promise<void> {}
}

/** A window of audio that is silent. */
export function job(kind: DecodeKind, segment: object = {}, samples = 1_000) {
  const audio = new Float32Array(samples);
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return {
    segment,
    kind,
    dueInMs: 100,
    samples,
    request: (): DecodeRequest => ({ audio, prompt, draft: [], temperature: 0, seed: 0 }),
  };
}
