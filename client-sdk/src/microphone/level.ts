// How loud a chunk is, in decibels below full scale.

/** Both in dBFS: 0 is full scale, {@link SILENCE_DB} and below is silence. */
export interface Level {
  readonly rmsDb: number;
  readonly peakDb: number;
}

/** The floor of a 16-bit sample. */
export const SILENCE_DB = -96;

/** The level of samples in -1..1. */
export function measureLevel(samples: Float32Array): Level {
  let peak = 0;
  let power = 0;
  for (const sample of samples) {
    peak = Math.max(peak, Math.abs(sample));
    power += sample * sample;
  }
  return { rmsDb: decibels(Math.sqrt(power / Math.max(1, samples.length))), peakDb: decibels(peak) };
}

function decibels(amplitude: number): number {
  return Math.max(SILENCE_DB, 20 * Math.log10(amplitude));
}
