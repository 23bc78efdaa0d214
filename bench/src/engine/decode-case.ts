// The engine's decodes that are timed: windows in batches, with and without the right draft, and windows that grow as a
// live segment does.
import type { DecodeRequest, DecodeResult, Engine } from '@sotto/server';
import { BenchError } from '../bench-error.js';
import { SAMPLES_PER_MS } from '../audio/playlist.js';

/**
 * How the requests of a case are drafted: not at all, with the tokens that will come out, or with the hypothesis over
 * the shorter window before.
 */
export type Drafting = 'none' | 'right' | 'previous';

/** Something to time over and over; `run` resolves when the engine has answered. */
export interface DecodeCase {
  readonly name: string;
  /** Length of the engine's context, or of the whole segment that grows, milliseconds. */
  readonly contextMs: number;
  readonly batch: number;
  readonly drafting: Drafting;
  readonly isGrowing: boolean;
  /** New audio that one run decodes, milliseconds: the windows of a batch; the whole of a segment that grows, once. */
  readonly audioMs: number;
  /** Engine calls in one run. */
  readonly decodes: number;
  run(): Promise<void>;
}

/** Says whether a row has the tokens that it must have; it throws where that ends the bench. */
export type TokenCheck = (name: string, row: number, expected: readonly number[], result?: DecodeResult) => void;

/** A greedy decode of one window, with nothing before it. */
export const request = (audio: Float32Array, language: string, draft: readonly number[]): DecodeRequest => ({
  audio,
  prompt: { language, task: 'transcribe', previous: [], committed: [] },
  draft,
  temperature: 0,
  seed: 0,
});

export const idsOf = ({ tokens }: DecodeResult): number[] => tokens.map(({ id }) => id);

/** Greedy tokens of each window, alone and without a draft: what every other way must give. */
export async function plainTokens(
  engine: Engine,
  windows: readonly Float32Array[],
  language: string,
): Promise<number[][]> {
  const tokens: number[][] = [];
  for (const window of windows) {
    const [result] = await engine.decode([request(window, language, [])]);
    if (result === undefined) throw new BenchError('mismatch', 'The engine answered a batch of one with nothing.');
    tokens.push(idsOf(result));
  }
  return tokens;
}

/**
 * One batch of windows. Each run checks its tokens against `expected`.
 * @throws BenchError `mismatch` from `run` when a row has other tokens than it has alone and without a draft
 */
export function batchCase(
  engine: Engine,
  windows: readonly Float32Array[],
  expected: readonly (readonly number[])[],
  language: string,
  drafting: 'none' | 'right',
  check: TokenCheck = assertSame,
): DecodeCase {
  const samples = windows[0]?.length ?? 0;
  const contextMs = contextOf(engine, samples);
  const requests = windows.map((window, row) =>
    request(window, language, drafting === 'right' ? (expected[row] ?? []) : []),
  );
  const name = `context ${contextMs / 1_000} s, batch ${windows.length}, draft ${drafting}`;
  return {
    name,
    contextMs,
    batch: windows.length,
    drafting,
    isGrowing: false,
    audioMs: (samples * windows.length) / SAMPLES_PER_MS,
    decodes: 1,
    run: async () => {
      const results = await engine.decode(requests);
      expected.forEach((tokens, row) => check(name, row, tokens, results[row]));
    },
  };
}

/**
 * A segment that grows by `stepMs` to the whole window, decoded at each step: what the partials of an utterance cost.
 */
export function growingCase(
  engine: Engine,
  window: Float32Array,
  expectedBySteps: readonly (readonly number[])[],
  language: string,
  stepMs: number,
  drafting: 'none' | 'previous',
  check: TokenCheck = assertSame,
): DecodeCase {
  const steps = growingWindows(window, stepMs);
  const contextMs = contextOf(engine, window.length);
  const name = `growing to ${contextMs / 1_000} s by ${stepMs} ms, draft ${drafting}`;
  return {
    name,
    contextMs,
    batch: 1,
    drafting,
    isGrowing: true,
    audioMs: window.length / SAMPLES_PER_MS,
    decodes: steps.length,
    run: async () => {
      let draft: number[] = [];
      for (const [step, audio] of steps.entries()) {
        const [result] = await engine.decode([request(audio, language, drafting === 'previous' ? draft : [])]);
        check(name, step, expectedBySteps[step] ?? [], result);
        draft = result === undefined ? [] : idsOf(result);
      }
    },
  };
}

/** The context that a window of so many samples is decoded in, milliseconds. */
function contextOf({ model }: Engine, samples: number): number {
  const needed = samples + model.tailSilenceSamples;
  return (model.buckets.find((bucket) => bucket >= needed) ?? needed) / SAMPLES_PER_MS;
}

/** The prefixes of a window at every step. */
export const growingWindows = (window: Float32Array, stepMs: number): Float32Array[] =>
  Array.from({ length: Math.floor(window.length / (stepMs * SAMPLES_PER_MS)) }, (_, step) =>
    window.subarray(0, (step + 1) * stepMs * SAMPLES_PER_MS),
  );

/** @throws BenchError `mismatch` */
function assertSame(name: string, row: number, expected: readonly number[], result?: DecodeResult): void {
  if (hasTokens(result, expected)) return;
  const got = result === undefined ? [] : idsOf(result);
  throw new BenchError(
    'mismatch',
    `${name}: row ${row} gave other tokens than alone without a draft.\n  wanted ${expected.join(' ')}\n  got    ${got.join(' ')}`,
  );
}

/** Counts rows instead: on a GPU another batch takes other kernels, and half precision may tip a tie. */
export class TokenCount {
  rows = 0;
  others = 0;

  readonly check: TokenCheck = (_name, _row, expected, result) => {
    this.rows++;
    if (!hasTokens(result, expected)) this.others++;
  };
}

export function hasTokens(result: DecodeResult | undefined, expected: readonly number[]): boolean {
  const got = result === undefined ? [] : idsOf(result);
  return got.length === expected.length && got.every((id, index) => id === expected[index]);
}
