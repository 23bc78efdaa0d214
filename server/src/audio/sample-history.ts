// The last stretch of a stream of samples, by their positions in the whole.

/** Blocks go in at the end; what is no longer needed is forgotten from the beginning. */
export class SampleHistory {
  readonly #blocks: { readonly start: number; readonly samples: Float32Array }[] = [];
  #end = 0;

  /** How many samples went in, forgotten ones included. */
  get end(): number {
    return this.#end;
  }

  /** The block must not change from now on. */
  push(samples: Float32Array): void {
    if (samples.length === 0) return;
    this.#blocks.push({ start: this.#end, samples });
    this.#end += samples.length;
  }

  /** A copy of the samples in [start, end). @throws RangeError when some of them are forgotten or have not come yet. */
  slice(start: number, end: number): Float32Array {
    const first = this.#blocks[0]?.start ?? this.#end;
    if (start < first || end > this.#end)
      throw new RangeError(`[${start}, ${end}) is not in [${first}, ${this.#end}).`);
    const slice = new Float32Array(Math.max(0, end - start));
    for (const block of this.#blocks) {
      const from = Math.max(start, block.start);
      const to = Math.min(end, block.start + block.samples.length);
      if (from < to) slice.set(block.samples.subarray(from - block.start, to - block.start), from - start);
    }
    return slice;
  }

  /** Forgets whole blocks before a position. */
  forget(before: number): void {
    while (this.#blocks[0] !== undefined && this.#blocks[0].start + this.#blocks[0].samples.length <= before) {
      this.#blocks.shift();
    }
  }
}
