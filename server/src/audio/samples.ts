// Positions in a stream at the rate of all recognition, and the time that they are: the only clock that audio has.

/** The one rate inside the server, Hz. */
export const SAMPLE_RATE = 16_000;
export const SAMPLES_PER_MS = SAMPLE_RATE / 1_000;

/** Whole milliseconds, for the wire. */
export function toMs(samples: number): number {
  return Math.round(samples / SAMPLES_PER_MS);
}

/** Whole samples. */
export function toSamples(ms: number): number {
  return Math.round(ms * SAMPLES_PER_MS);
}
