// The audio of one utterance while it grows.
import type { AudioRing } from './audio-ring.js';

/** Samples that a new utterance has room for: four seconds at 16 kHz, longer than most. */
const ROOM_AT_FIRST = 65_536;

/**
 * Samples that are only ever added: a view that was handed out never changes, also when more comes (then the audio
 * moves to larger memory and the view keeps the old one). Its length is bounded by the longest utterance.
 */
export class SegmentAudio {
  #samples = new Float32Array(ROOM_AT_FIRST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds samples. */
  append(samples: Float32Array): void {
    this.#room(samples.length).set(samples);
  }

  /** Adds the ring's audio in [from, to). */
  appendFrom(ring: AudioRing, from: number, to: number): void {
    if (to > from) ring.read(from, this.#room(to - from));
  }

  /** The samples from one index to another (default: all); never copied, never changed. */
  view(from = 0, to = this.#length): Float32Array {
    return this.#samples.subarray(from, Math.min(to, this.#length));
  }

  #room(length: number): Float32Array {
    const end = this.#length + length;
    if (end > this.#samples.length) {
      const larger = new Float32Array(Math.max(end, this.#samples.length * 2));
      larger.set(this.view());
      this.#samples = larger;
    }
    const room = this.#samples.subarray(this.#length, end);
    this.#length = end;
    return room;
  }
}
