// Which leading tokens of a hypothesis will not change any more: AlignAtt, LocalAgreement-2, or both.
import type { DecodedToken } from '../engine.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';

/** What a decode heard behind the committed text. */
export interface Hypothesis {
  readonly tokens: readonly DecodedToken[];
  /** Samples (16 kHz) of the window. */
  readonly heardSamples: number;
}

/**
 * How many leading tokens of `current` are stable. `previous`: the hypothesis before it, without what was committed
 * since; null at the first.
 */
export type StabilityPolicy = (current: Hypothesis, previous: Hypothesis | null) => number;

export type Stability = 'align-att' | 'local-agreement' | 'both';

/** Samples of one encoder frame: 20 ms (hop of 160 samples, halved in time by the encoder's second convolution). */
export const FRAME_SAMPLES = 320;

/** Distance from the end of the audio at which a token is stable, milliseconds. */
export const HOLDBACK_MS = 400;

/**
 * AlignAtt (Papi et al., 2023, "AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide for
 * Simultaneous Speech Translation"): tokens are stable up to the first whose attended frame lies within `holdbackMs` of
 * the end of the audio.
 */
export function alignAtt(holdbackMs: number = HOLDBACK_MS): StabilityPolicy {
  const holdbackFrames = (holdbackMs * SAMPLES_PER_MS) / FRAME_SAMPLES;
  return ({ tokens, heardSamples }) => {
    const lastStableFrame = heardSamples / FRAME_SAMPLES - holdbackFrames;
    return leading(tokens, (token) => token.frame <= lastStableFrame);
  };
}

/**
 * LocalAgreement-2 (Liu et al., 2020; Macháček et al., 2023, "Turning Whisper into Real-Time Transcription System"):
 * tokens are stable that two successive hypotheses agree on.
 */
export function localAgreement(): StabilityPolicy {
  return (current, previous) => leading(current.tokens, (token, at) => token.id === previous?.tokens[at]?.id);
}

/** Stable is what every one of the policies calls stable. */
export function allOf(...policies: readonly StabilityPolicy[]): StabilityPolicy {
  return (current, previous) => Math.min(...policies.map((policy) => policy(current, previous)));
}

/** The policy of a setting. */
export function stabilityPolicy(stability: Stability, holdbackMs?: number): StabilityPolicy {
  switch (stability) {
    case 'align-att':
      return alignAtt(holdbackMs);
    case 'local-agreement':
      return localAgreement();
    case 'both':
      return allOf(alignAtt(holdbackMs), localAgreement());
  }
}

function leading(tokens: readonly DecodedToken[], isStable: (token: DecodedToken, at: number) => boolean): number {
  const unstable = tokens.findIndex((token, at) => !isStable(token, at));
  return unstable < 0 ? tokens.length : unstable;
}
