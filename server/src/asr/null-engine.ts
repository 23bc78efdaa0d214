// An engine that hears nothing and answers at once: what is left is the cost of everything around it.
import { EngineError } from './errors.js';
import type { DecodeRequest, DecodeResult, Engine, EngineModel } from './engine.js';

const NOTHING: DecodeResult = {
  tokens: [],
  endLogprob: 0,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 1,
  draftAccepted: 0,
  steps: 0,
};

/** Makes the engine: the door for engine hosts. @param directory see NullEngine */
export async function createEngine(directory: unknown): Promise<Engine> {
  return new NullEngine(String(directory));
}

/** For benchmarks of the gateway, and of the way to an engine's process. */
export class NullEngine implements Engine {
  readonly model: EngineModel;
  readonly maxBatch = 64;
  #closed = false;

  /** @param directory of a model: its tokenizer is read by the recogniser as ever */
  constructor(directory: string, name = 'null') {
    this.model = {
      name,
      languages: ['en'],
      isMultilingual: false,
      usesPreviousText: false,
      buckets: [480_000],
      tailSilenceSamples: 0,
      maxTextTokens: 224,
      directory,
    };
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    if (this.#closed) throw new EngineError('engine_closed', 'the engine is closed');
    return batch.map((request) => this.hear(request));
  }

  async warmUp(): Promise<void> {
    if (this.#closed) throw new EngineError('engine_closed', 'the engine is closed');
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  protected hear(_request: DecodeRequest): DecodeResult {
    return NOTHING;
  }
}
