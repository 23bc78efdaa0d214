// An engine that says what exactly it was given to hear, at the end of its run: for tests of the audio's way to it.
import { setTimeout as delay } from 'node:timers/promises';
import type { DecodeRequest, DecodeResult, Engine } from '../../server/src/asr/engine.js';
import { NullEngine } from '../../server/src/asr/null-engine.js';
import { childModule } from './child-module.js';

/** Samples drawn from a seed, so that no two windows are alike. */
export function seededAudio(samples: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: samples }, () => {
    // The linear congruential generator of Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** FNV-1a over the samples' bits. */
export function fingerprint(audio: Float32Array): number {
  let hash = 2_166_136_261;
  for (const bits of new Uint32Array(audio.slice().buffer)) hash = Math.imul(hash ^ bits, 16_777_619);
  return hash >>> 0;
}

/** `runMs`, how long its run takes, travels as its seed. */
export function listenTo(audio: Float32Array, runMs = 0): DecodeRequest {
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return { audio, prompt, draft: [], temperature: 0, seed: runMs };
}

/**
 * What was heard: its fingerprint, and the bytes of the memory that it was a view of (those of the arena, where it lay
 * there).
 */
export const heardBy = ({ tokens, steps }: DecodeResult) => ({ print: tokens[0]?.id, bufferBytes: steps });

/** Waits, then listens: windows that others are written over by then are found out. */
export async function createEngine(): Promise<Engine> {
  return {
    model: new NullEngine('').model,
    maxBatch: 64,
    runsInFlight: 2,
    decode: async (batch) => {
      await delay(Math.max(...batch.map(({ seed }) => seed)));
      return batch.map(({ audio }) => ({
        tokens: [{ id: fingerprint(audio), logprob: 0, frame: 0 }],
        endLogprob: 0,
        language: 'en',
        languageProbability: 1,
        noSpeechProbability: 0,
        draftAccepted: 0,
        steps: audio.buffer.byteLength,
      }));
    },
    warmUp: async () => undefined,
    close: async () => undefined,
  };
}

export const listeningSpec = { module: childModule(import.meta.url), options: undefined };
