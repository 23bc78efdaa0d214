// The loudness of the last seconds, for the waveform: a ring of peaks that the canvas reads when it draws.

/** Peaks kept: wider than any screen at 5 pixels each. */
const PEAKS_MAX = 1_024;

export class LoudnessHistory {
  readonly #peaks = new Float32Array(PEAKS_MAX);
  /** Peaks ever added. */
  count = 0;

  /** Adds the peak of a chunk, dBFS. */
  push(peakDb: number): void {
    this.#peaks[this.count++ % PEAKS_MAX] = peakDb;
  }

  /** The peak `age` chunks ago (0: the latest), dBFS; undefined where there was none. */
  at(age: number): number | undefined {
    if (age >= Math.min(this.count, PEAKS_MAX)) return undefined;
    return this.#peaks[(this.count - 1 - age) % PEAKS_MAX];
  }
}
