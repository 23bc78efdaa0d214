// The audio of a stream that has arrived and may still be needed: a ring over absolute sample positions.

/** Samples (16 kHz) that a new ring holds: a second, enough for pre-roll and live chunks. */
const CAPACITY_MIN = 16_384;

/**
 * The audio between two positions of the stream. It grows with what waits, up to a bound, and gives back what a burst
 * took.
 */
export class AudioRing {
  readonly #capacityMax: number;
  #samples = new Float32Array(0);
  #start = 0;
  #end = 0;

  /**
   * @param capacityMax samples that may be held at once; a push beyond it throws RangeError: the owner refuses audio
   * before.
   * @param start position of its first sample
   */
  constructor(capacityMax: number, start = 0) {
    this.#capacityMax = capacityMax;
    this.#start = start;
    this.#end = start;
  }

  /** Position of the first sample that is still held. */
  get start(): number {
    return this.#start;
  }

  /** Position behind the last sample. */
  get end(): number {
    return this.#end;
  }

  push(samples: Float32Array): void {
    const length = this.#end - this.#start + samples.length;
    if (length > this.#capacityMax) throw new RangeError(`The ring holds ${this.#capacityMax} samples, not ${length}.`);
    if (length > this.#samples.length) this.#resize(Math.max(length, this.#samples.length * 2, CAPACITY_MIN));
    this.#write(this.#end, samples);
    this.#end += samples.length;
  }

  /** Copies the audio from a position on into `target`, which must be held entirely. */
  read(from: number, target: Float32Array): void {
    if (from < this.#start || from + target.length > this.#end) {
      throw new RangeError(`${from}-${from + target.length} is not in ${this.#start}-${this.#end}.`);
    }
    const at = from % this.#samples.length;
    const first = this.#samples.subarray(at, at + target.length);
    target.set(first);
    if (first.length < target.length) target.set(this.#samples.subarray(0, target.length - first.length), first.length);
  }

  /** Lets go of what lies before a position. */
  forget(before: number): void {
    this.#start = Math.min(Math.max(this.#start, before), this.#end);
    const length = this.#end - this.#start;
    if (this.#samples.length > CAPACITY_MIN && length < this.#samples.length / 8) {
      this.#resize(Math.max(CAPACITY_MIN, length * 2));
    }
  }

  #resize(capacity: number): void {
    const held = new Float32Array(this.#end - this.#start);
    if (held.length > 0) this.read(this.#start, held);
    this.#samples = new Float32Array(Math.min(capacity, this.#capacityMax));
    this.#write(this.#start, held);
  }

  #write(position: number, samples: Float32Array): void {
    const at = position % this.#samples.length;
    if (at + samples.length <= this.#samples.length) return this.#samples.set(samples, at);
    const first = samples.subarray(0, this.#samples.length - at);
    this.#samples.set(first, at);
    this.#samples.set(samples.subarray(first.length), 0);
  }
}
