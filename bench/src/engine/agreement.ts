// How far one engine's decodes are those of another: tokens, attended frames, log-probabilities, drafts, batches.
import type { DecodeRequest, DecodeResult, Engine } from '@sotto/server';
import { BenchError } from '../bench-error.js';
import { hasTokens, idsOf, request } from './decode-case.js';

/** Decodes of the same windows by a reference and by what is compared with it. */
export interface Agreement {
  readonly windows: number;
  /** Windows with all of the reference's tokens. */
  readonly windowsSame: number;
  /** Tokens of the reference. */
  readonly tokens: number;
  /** Those that came at their place, in every window up to its first other one. */
  readonly tokensSame: number;
  /** Of these, those whose attended frame is at most one (20 ms) away. */
  readonly framesNear: number;
  /** Largest difference of a log-probability among these. */
  readonly logprobError: number;
}

/** Each window alone, without a draft. */
export async function decodeAlone(
  engine: Engine,
  windows: readonly Float32Array[],
  language: string,
): Promise<DecodeResult[]> {
  const results: DecodeResult[] = [];
  for (const window of windows) results.push(...(await engine.decode([request(window, language, [])])));
  return results;
}

/** @throws BenchError `mismatch` where one of them has fewer decodes */
export function agreementOf(reference: readonly DecodeResult[], decodes: readonly DecodeResult[]): Agreement {
  let [windowsSame, tokens, tokensSame, framesNear, logprobError] = [0, 0, 0, 0, 0];
  for (const [window, wanted] of reference.entries()) {
    const got = decodes[window];
    if (got === undefined) throw new BenchError('mismatch', `Window ${window} was not answered.`);
    if (hasTokens(got, idsOf(wanted))) windowsSame++;
    tokens += wanted.tokens.length;
    for (const [at, token] of wanted.tokens.entries()) {
      const other = got.tokens[at];
      if (other?.id !== token.id) break;
      tokensSame++;
      if (Math.abs(other.frame - token.frame) <= 1) framesNear++;
      logprobError = Math.max(logprobError, Math.abs(other.logprob - token.logprob));
    }
  }
  return { windows: reference.length, windowsSame, tokens, tokensSame, framesNear, logprobError };
}

/** Drafts that are right, half right, and wrong from the first token on. */
export const DRAFTS = {
  right: (tokens) => tokens,
  half: (tokens) => tokens.map((id, at) => (at < tokens.length / 2 ? id : id + 1)),
  wrong: (tokens) => tokens.map((id) => id + 1),
} as const satisfies Record<string, (tokens: number[]) => number[]>;

/** Windows that a draft leaves as they are without one. */
export async function sameWithDraft(
  engine: Engine,
  windows: readonly Float32Array[],
  plain: readonly DecodeResult[],
  language: string,
  draft: (tokens: number[]) => number[],
): Promise<number> {
  const drafted = windows.map((window, at) => request(window, language, draft(idsOf(plain[at] as DecodeResult))));
  return sameIn(engine, drafted, plain, 1);
}

/** Windows that a batch leaves as they are alone. */
export async function sameInBatches(
  engine: Engine,
  windows: readonly Float32Array[],
  plain: readonly DecodeResult[],
  language: string,
  batch: number,
): Promise<number> {
  return sameIn(
    engine,
    windows.map((window) => request(window, language, [])),
    plain,
    batch,
  );
}

async function sameIn(
  engine: Engine,
  requests: readonly DecodeRequest[],
  plain: readonly DecodeResult[],
  batch: number,
): Promise<number> {
  let same = 0;
  for (let at = 0; at < requests.length; at += batch) {
    const results = await engine.decode(requests.slice(at, at + batch));
    for (const [row, result] of results.entries()) {
      if (hasTokens(result, idsOf(plain[at + row] as DecodeResult))) same++;
    }
  }
  return same;
}
