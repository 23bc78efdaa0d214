// A decoder whose cache is a buffer of fixed size: a run writes behind each row's last place, nothing is copied.
import { OrtError } from '../onnxruntime/errors.js';
import type { OrtBinding, OrtSession } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import {
  bindChoices,
  bindInput,
  bindTensor,
  bindUnchanged,
  int64,
  presentOf,
  takeChoices,
  wantsLogits,
  type Choices,
  type DecoderInput,
  type WhisperDecoder,
} from './decoder.js';
import type { DecoderMemory } from './decoder-memory.js';

export class InPlaceDecoder implements WhisperDecoder {
  readonly branches = false;
  readonly #binding: OrtBinding;
  /** How many places of each row hold its text. */
  readonly #lengths: number[];
  #isClosed = false;
  readonly #config: WhisperConfig;
  readonly #memory: DecoderMemory;

  /** @param frames encoder frames of each row before the padding */
  constructor(session: OrtSession, config: WhisperConfig, memory: DecoderMemory, frames: readonly number[]) {
    this.#config = config;
    this.#memory = memory;
    this.#binding = session.bind();
    this.#lengths = frames.map(() => 0);
    for (const values of [memory.heard, memory.cache]) {
      for (const [name, value] of values) this.#binding.input(name, value);
    }
    bindTensor(this.#binding, 'audioFrames', int64(frames));
    memory.steps?.open(frames);
  }

  /** Several tokens of a row at once only as its first ones; the padding of a row is behind them. */
  async advance(input: DecoderInput): Promise<Choices> {
    const { tokens, present } = input;
    const { steps } = this.#memory;
    const width = tokens.length / input.batch;
    const isFirst = this.places === 0;
    if (input.views !== undefined || (width > 1 && !isFirst)) {
      throw new OrtError('invalid_argument', `${width} tokens at once are not the first of their rows`);
    }
    const added = this.#lengths.map((_, row) => textBefore(present, row * width, width));
    // A row without a new token is fed one all the same: it is written behind its text, and overwritten or never looked
    // at.
    const lastPlace = Int32Array.from(this.#lengths, (length, row) => length + Math.max(1, added[row] ?? 0) - 1);
    const places = isFirst ? width : Math.max(...lastPlace) + 1;
    if (places > this.#config.maxTargetPositions) {
      throw new OrtError('invalid_argument', `${places} places are more than ${this.#config.maxTargetPositions}`);
    }
    const isStep = width === 1 && !isFirst && !wantsLogits(input) && input.rules.every((rule) => rule === 'text');
    const choices = steps && isStep ? await steps.step(input, lastPlace) : await this.#run(input, lastPlace, places);
    for (const [row, count] of added.entries()) this.#lengths[row] = (this.#lengths[row] ?? 0) + count;
    return choices;
  }

  async #run(input: DecoderInput, lastPlace: Int32Array, places: number): Promise<Choices> {
    const { cache, heard } = this.#memory;
    bindInput(this.#binding, input);
    bindTensor(this.#binding, 'lastPlace', { type: 'int32', dims: [lastPlace.length], data: lastPlace });
    bindTensor(this.#binding, 'places', { type: 'int32', dims: [1], data: Int32Array.of(places) });
    for (const [name, value] of cache) this.#binding.output(presentOf(name), value);
    bindUnchanged(this.#binding, heard);
    bindChoices(this.#binding, this.#config.isMultilingual, input);
    return takeChoices(await this.#binding.run(input.shrinks), input);
  }

  get places(): number {
    return Math.max(...this.#lengths);
  }

  forget(row: number, from: number, to: number): void {
    if (from === to) return;
    if (to !== this.#lengths[row])
      throw new OrtError('invalid_argument', 'only the last places of a row are forgotten');
    this.#lengths[row] = from;
  }

  restart(): void {
    this.#lengths.fill(0);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#binding.close();
    this.#memory.release();
  }
}

/** How many of `width` places from `start` on are present; those behind them must not be. Throws OrtError. */
function textBefore(present: readonly boolean[], start: number, width: number): number {
  const row = present.slice(start, start + width);
  const end = row.indexOf(false);
  const count = end < 0 ? width : end;
  if (row.includes(true, count)) throw new OrtError('invalid_argument', 'a row holds text after its padding');
  return count;
}
