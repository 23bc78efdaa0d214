// Positions in the session's 16 kHz stream, and milliseconds made of them: the only clock that audio has.
import { SAMPLE_RATE } from '../audio/resampler.js';

export const SAMPLES_PER_MS = SAMPLE_RATE / 1_000;

/** Whole milliseconds, for the wire. */
export function toMs(samples: number): number {
  return Math.round(samples / SAMPLES_PER_MS);
}
