// What holds for a transcript whatever its own settings say: it is done first, and they can only add to it.
import { LIMITS, type RewritingSettings } from '@sotto/protocol';
import { changeRewriting, NO_REWRITING, type RewritingWish } from './rewriting.js';

export interface Demands extends RewritingSettings {
  readonly hotwords?: readonly string[] | undefined;
}

export function demandedRewriting(demands: Demands): RewritingWish {
  return changeRewriting(NO_REWRITING, demands);
}

/** Those that are demanded first: of all together, no more than there may be. */
export function withDemandedHotwords(hotwords: readonly string[], demands: Demands): string[] {
  return [...new Set([...(demands.hotwords ?? []), ...hotwords])].slice(0, LIMITS.hotwordsMax);
}
