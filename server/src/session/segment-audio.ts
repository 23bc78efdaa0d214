// The audio of one utterance while it grows.
import type { AudioRing } from './audio-ring.js';

/** Samples that a new utterance has room for: four seconds at 16 kHz, longer than most. */
const ROOM_AT_FIRST = 65_536;
/** Samples of memory that is kept for utterances to come: 64 MiB. */
const SPARE_SAMPLES_MAX = 2 ** 24;

/**
 * Memory that utterances are done with, by its length. Were each to take new memory, it would be most of what the
 * server leaves to be collected.
 */
const spare = new Map<number, Float32Array[]>();
let spareSamples = 0;

/**
 * Samples that are only ever added: a view that was handed out never changes, also when more comes (then the audio
 * moves to larger memory and the view keeps the old one), until it is released. Its length is bounded by the longest
 * utterance.
 */
export class SegmentAudio {
  #samples = takeMemory(ROOM_AT_FIRST);
  /** What it has outgrown: there may be views of it. */
  #outgrown: Float32Array[] = [];
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

  /** Nobody needs what is in its views any more: others may write there. It has no samples then. */
  release(): void {
    for (const memory of [...this.#outgrown, this.#samples]) keepMemory(memory);
    this.#outgrown = [];
    this.#samples = NOTHING;
    this.#length = 0;
  }

  #room(length: number): Float32Array {
    const end = this.#length + length;
    if (end > this.#samples.length) {
      let room = Math.max(ROOM_AT_FIRST, this.#samples.length);
      while (room < end) room *= 2;
      const larger = takeMemory(room);
      larger.set(this.view());
      this.#outgrown.push(this.#samples);
      this.#samples = larger;
    }
    const room = this.#samples.subarray(this.#length, end);
    this.#length = end;
    return room;
  }
}

const NOTHING = new Float32Array(0);

/** What is in it is left from before. */
function takeMemory(length: number): Float32Array {
  const memory = spare.get(length)?.pop();
  if (memory === undefined) return new Float32Array(length);
  spareSamples -= length;
  return memory;
}

function keepMemory(memory: Float32Array): void {
  const { length } = memory;
  if (length === 0 || spareSamples + length > SPARE_SAMPLES_MAX) return;
  spareSamples += length;
  const alike = spare.get(length);
  if (alike === undefined) spare.set(length, [memory]);
  else alike.push(memory);
}
