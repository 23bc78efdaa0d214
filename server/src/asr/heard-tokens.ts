// What an engine that needs no network answers: tokens that it is sure of, as a decode of them would tell them.
import type { DecodedToken, DecodeRequest, DecodeResult } from './engine.js';

/** Of each token, and of the end. */
export const SURE_LOGPROB = -0.1;

/** @param all tokens of the whole window, those that are committed among them */
export function heardTokens(all: readonly DecodedToken[], { prompt, draft }: DecodeRequest): DecodeResult {
  const tokens = all.slice(prompt.committed.length);
  const wrong = draft.findIndex((id, at) => id !== tokens[at]?.id);
  const draftAccepted = wrong < 0 ? draft.length : wrong;
  return {
    tokens,
    endLogprob: SURE_LOGPROB,
    language: 'en',
    languageProbability: 1,
    noSpeechProbability: 0,
    draftAccepted,
    steps: 1 + tokens.length - draftAccepted,
  };
}
