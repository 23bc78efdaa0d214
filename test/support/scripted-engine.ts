// An engine that "hears" a script: words at given times of a stream whose samples carry their own position.
import { smallTokenizer } from './small-tokenizer.js';
import { WhisperTokenizer } from '../../models/src/tokenizer/index.js';
import { setTimeout as delay } from 'node:timers/promises';
import type { DecodedToken, DecodeRequest, DecodeResult, Engine, EngineModel } from '../../server/src/asr/engine.js';
import { EngineError } from '../../server/src/asr/errors.js';
import { childModule } from './child-module.js';

/** A word of the script, in milliseconds of the stream. */
export interface ScriptedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** What happens to a run that hears this word. */
  readonly fault?: 'exit' | 'hang' | 'fail' | 'lose';
}

/** Plain data, so that it can travel to another process. */
export interface ScriptedEngineOptions {
  readonly script: readonly ScriptedWord[];
  /** How long a run takes, milliseconds, and each of its windows on top. */
  readonly runMs?: number;
  readonly windowMs?: number;
  readonly maxBatch?: number;
  /** Natural log-probability of every token. */
  readonly logprob?: number;
  readonly noSpeechProbability?: number;
}

const MODEL: EngineModel = {
  name: 'scripted',
  languages: ['en', 'zh'],
  isMultilingual: true,
  usesPreviousText: true,
  buckets: [64_000, 128_000, 256_000, 480_000],
  tailSilenceSamples: 8_000,
  maxTextTokens: 224,
  directory: '',
};

/** Two words are whole tokens, the rest is spelt in bytes: most words have many tokens. */
export const scriptedTokenizer = (): WhisperTokenizer => new WhisperTokenizer(smallTokenizer([' the', ' and', 'ing']));

/** Samples of a stream from `startMs` to `endMs`; each carries its position, exactly up to 17 minutes. */
export function scriptedAudio(startMs: number, endMs: number): Float32Array {
  const first = startMs * 16;
  return Float32Array.from({ length: (endMs - startMs) * 16 }, (_, i) => (first + i + 1) / 2 ** 24);
}

/** Words of `text` one after another, each `wordMs` long and followed by a pause of `pauseMs`. */
export function scriptOf(text: string, startMs = 500, wordMs = 300, pauseMs = 50): ScriptedWord[] {
  const words = text.split(' ');
  return words.map((word, i) => ({
    text: word,
    startMs: startMs + i * (wordMs + pauseMs),
    endMs: startMs + i * (wordMs + pauseMs) + wordMs,
  }));
}

/**
 * Hears whole words that ended before the end of the window; of a word that is still being spoken it makes a bad guess.
 */
export class ScriptedEngine implements Engine {
  readonly model = MODEL;
  readonly maxBatch: number;
  isUp = true;
  /** Every batch that was run, for tests that look. */
  readonly batches: (readonly DecodeRequest[])[] = [];
  readonly #options: ScriptedEngineOptions;
  readonly #tokenizer = scriptedTokenizer();
  #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: ScriptedEngineOptions) {
    this.#options = options;
    this.maxBatch = options.maxBatch ?? 4;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    if (this.#closed) throw new EngineError('engine_closed', 'the engine is closed');
    this.batches.push(batch);
    const { runMs = 0, windowMs = 0 } = this.#options;
    const run = delay(runMs + windowMs * batch.length);
    this.#running.add(run);
    await run;
    this.#running.delete(run);
    const faults = new Set(batch.flatMap((request) => this.#heard(request).map((word) => word.fault)));
    if (faults.has('exit')) process.kill(process.pid, 'SIGKILL');
    if (faults.has('hang')) await new Promise<never>(() => undefined);
    if (faults.has('lose')) this.isUp = false;
    if (faults.has('fail') || faults.has('lose')) throw new EngineError('engine_failed', 'the script says so');
    return batch.map((request) => this.#hear(request));
  }

  async warmUp(): Promise<void> {
    if (this.#closed) throw new EngineError('engine_closed', 'the engine is closed');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#running);
  }

  #heard({ audio }: DecodeRequest): ScriptedWord[] {
    const from = Math.round((audio[0] ?? 0) * 2 ** 24 - 1) / 16;
    const to = from + audio.length / 16;
    return this.#options.script.filter((word) => word.startMs >= from && word.startMs + 40 < to);
  }

  #hear(request: DecodeRequest): DecodeResult {
    const { logprob = -0.1, noSpeechProbability = 0.01 } = this.#options;
    const from = Math.round((request.audio[0] ?? 0) * 2 ** 24 - 1) / 16;
    const to = from + request.audio.length / 16;
    const all: DecodedToken[] = [];
    for (const word of this.#heard(request)) {
      const isWhole = word.endMs <= to;
      const ids = this.#tokenizer.encode(` ${isWhole ? word.text : `${word.text.slice(0, 1)}?`}`);
      const step = (Math.min(word.endMs, to) - word.startMs) / ids.length;
      for (const [i, id] of ids.entries())
        all.push({ id, logprob, frame: Math.floor((word.startMs - from + i * step) / 20) });
    }
    const tokens = all.slice(request.prompt.committed.length);
    const wrong = request.draft.findIndex((id, i) => id !== tokens[i]?.id);
    const draftAccepted = wrong < 0 ? request.draft.length : wrong;
    return {
      tokens,
      endLogprob: logprob,
      language: request.prompt.language ?? 'en',
      languageProbability: 1,
      noSpeechProbability,
      draftAccepted,
      steps: 1 + tokens.length - draftAccepted,
    };
  }
}

/** For an engine spec: this module makes the engine in whatever process it is imported. */
export async function createEngine(options: unknown): Promise<Engine> {
  return new ScriptedEngine(options as ScriptedEngineOptions);
}

/** The spec of a scripted engine. */
export const scriptedSpec = (options: ScriptedEngineOptions) => ({
  module: childModule(import.meta.url),
  options,
});
