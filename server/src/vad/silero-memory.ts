// What the server's thread and those of the detector both see of the live streams: a place for each, in shared memory.
import { VAD_FRAME_SAMPLES } from './vad.js';

/** Samples before each frame that the model wants to see again at 16 kHz (Silero's `OnnxWrapper`, since v5). */
export const CONTEXT_SAMPLES = 64;
/** Samples of one row of the model's input. */
export const ROW_SAMPLES = CONTEXT_SAMPLES + VAD_FRAME_SAMPLES;
/** Of each of the two states of the LSTM cell, hidden and memory: the graph's `state` is [2, batch, 128]. */
export const STATE_SIZE = 128;

const PLACES_PER_PAGE = 256;
/** Of a place: the row of input (context, then frame), the two states, the probability that answers. */
const STATE_AT = ROW_SAMPLES;
const PROBABILITY_AT = STATE_AT + 2 * STATE_SIZE;
const PLACE_FLOATS = PROBABILITY_AT + 1;

/** Memory of 256 places: 850 kB. */
export type SileroPage = SharedArrayBuffer;

/** What a thread sees: pages in their order, by which places are numbered. */
export class SileroMemory {
  readonly #pages: Float32Array[] = [];

  constructor(pages: readonly SileroPage[] = []) {
    for (const page of pages) this.add(page);
  }

  get places(): number {
    return this.#pages.length * PLACES_PER_PAGE;
  }

  add(page: SileroPage): void {
    this.#pages.push(new Float32Array(page));
  }

  /** Context and frame. */
  row(place: number): Float32Array {
    return this.#part(place, 0, ROW_SAMPLES);
  }

  state(place: number, half: 0 | 1): Float32Array {
    return this.#part(place, STATE_AT + half * STATE_SIZE, STATE_SIZE);
  }

  /** The probability, alone. NaN: not judged yet. */
  answer(place: number): Float32Array {
    return this.#part(place, PROBABILITY_AT, 1);
  }

  #part(place: number, from: number, length: number): Float32Array {
    const page = this.#pages[Math.floor(place / PLACES_PER_PAGE)];
    if (page === undefined) throw new RangeError(`There is no place ${place}.`);
    const at = (place % PLACES_PER_PAGE) * PLACE_FLOATS + from;
    return page.subarray(at, at + length);
  }
}

export function createPage(): SileroPage {
  return new SharedArrayBuffer(PLACES_PER_PAGE * PLACE_FLOATS * Float32Array.BYTES_PER_ELEMENT);
}
