// An engine that says what is written for it, as fast as speech and as long as a GPU takes: what is left is the cost of
// everything around it under a load like that of real speech.
import { setTimeout as delay } from 'node:timers/promises';
import { toSamples } from '../audio/samples.js';
import type { DecodedToken, DecodeRequest, DecodeResult, Engine, EngineModel } from './engine.js';
import { EngineError } from './errors.js';
import { heardTokens, SURE_LOGPROB } from './heard-tokens.js';
import { loadTokenizer } from './tokenizer.js';

/** What is said, over and over. */
const SCRIPT = `
  We left the harbour early, before the market had opened. The road along the river was closed, so the driver took the
  long way round, past the mill and the old school. Has anybody seen the second letter? My sister thinks that it came
  on Tuesday, with the bill for the roof and a card from Lisbon. There were eleven of us at the table, and nobody wanted
  to speak first. If the weather holds, they will bring in the hay by Friday; otherwise we shall have to wait until the
  middle of next month. He counted the money twice and put it back.`;

/** Tokens of a second of speech. */
const TOKENS_PER_SECOND = 3.5;
/** Silence before and behind speech, milliseconds: nothing is said in it. */
const SILENT_MS = 450;
/** The newest token is heard wrongly until so many more have been said. */
const UNSURE_TOKENS = 1;
/** As the token so far behind it. */
const WRONG_TOKENS = 40;
const FRAMES_PER_SECOND = 50;
/** A run takes about what a GPU takes for a large batch, milliseconds: so what waits meanwhile makes one. */
const RUN_MS = 40;
const WINDOW_MS = 0.5;

export interface ScriptedOptions {
  readonly name: string;
  /** Of a model whose tokenizer writes the script. */
  readonly directory: string;
  /** Of the model, seconds. */
  readonly buckets: readonly number[];
  readonly tailSilenceMs: number;
  readonly usesPreviousText: boolean;
}

/** Makes the engine: the door for engine hosts. Rejects with ModelError. */
export async function createEngine(options: unknown): Promise<Engine> {
  // Its only caller is the spec beside it.
  const scripted = options as ScriptedOptions;
  const tokenizer = await loadTokenizer(scripted.directory);
  return new ScriptedEngine(scripted, tokenizer.encode(` ${SCRIPT.trim().replaceAll(/\s+/g, ' ')}`));
}

/** For benchmarks of the server's thread. Where a window begins in the script depends on its first samples alone. */
class ScriptedEngine implements Engine {
  readonly model: EngineModel;
  readonly maxBatch = 64;
  readonly runsInFlight = 2;
  readonly #script: readonly number[];
  /** When what it was handed is over. */
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor({ buckets, tailSilenceMs, ...model }: ScriptedOptions, script: readonly number[]) {
    this.model = {
      ...model,
      languages: ['en'],
      isMultilingual: false,
      buckets: buckets.map((seconds) => toSamples(seconds * 1_000)),
      tailSilenceSamples: toSamples(tailSilenceMs),
      maxTextTokens: 224,
    };
    this.#script = script;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    if (this.#isClosed) throw new EngineError('engine_closed', 'the engine is closed');
    this.#last = this.#last.then(() => delay(RUN_MS + WINDOW_MS * batch.length));
    await this.#last;
    return batch.map((request) => this.#hear(request));
  }

  async warmUp(): Promise<void> {
    if (this.#isClosed) throw new EngineError('engine_closed', 'the engine is closed');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  #hear(request: DecodeRequest): DecodeResult {
    const { audio } = request;
    const spokenMs = Math.max(0, audio.length / 16 - SILENT_MS);
    const count = Math.floor((spokenMs * TOKENS_PER_SECOND) / 1_000);
    const first = placeOf(audio);
    const said = (at: number): number => this.#script[(first + at) % this.#script.length] as number;
    const all = Array.from({ length: count }, (_, at): DecodedToken => ({
      id: said(at < count - UNSURE_TOKENS ? at : at + WRONG_TOKENS),
      frame: Math.round((at / TOKENS_PER_SECOND) * FRAMES_PER_SECOND),
      logprob: SURE_LOGPROB,
    }));
    return heardTokens(all, request);
  }
}

/** A number that the beginning of an utterance always has. */
function placeOf(audio: Float32Array): number {
  return audio.subarray(0, 160).reduce((sum, sample) => (sum * 31 + Math.round(Math.abs(sample) * 32_768)) % 65_521, 7);
}
