// A decoder whose cache is a buffer of fixed size: a run writes behind each row's last place, nothing is copied.
import { OrtError } from '../onnxruntime/errors.js';
import { OrtValue, type MemoryPlace, type OrtBinding, type OrtSession } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import {
  bindChoices,
  bindInput,
  bindTensor,
  int64,
  presentOf,
  takeChoices,
  type Choices,
  type DecoderInput,
  type WhisperDecoder,
} from './decoder.js';
import type { Precision } from './layers.js';
import type { StepGraph } from './step-graph.js';

/** What a decoder reads and writes on its device. */
export interface DecoderMemory {
  /** Rows that the buffers are for: those behind the windows are fed padding. */
  readonly batch: number;
  /** `crossKey_i`, `crossValue_i`, `alignmentKeys`: what the encoder made of the windows. */
  readonly heard: ReadonlyMap<string, OrtValue>;
  /** `pastKey_i`, `pastValue_i` [batch, heads, maxTargetPositions, headWidth]: each is its own present, too. */
  readonly cache: ReadonlyMap<string, OrtValue>;
  /** Steps as a CUDA graph, where there is one. */
  readonly steps?: StepGraph;
  /** Called when the decoder is closed. */
  release(): void;
}

/** Allocates a cache. Throws OrtError where there is no memory for all of it. */
export function allocateCache(
  session: OrtSession,
  { decoderLayers, decoderHeads, maxTargetPositions, width }: WhisperConfig,
  precision: Precision,
  place: MemoryPlace,
  batch: number,
): Map<string, OrtValue> {
  const dims = [batch, decoderHeads, maxTargetPositions, width / decoderHeads];
  const names = Array.from({ length: decoderLayers }, (_, i) => [`pastKey_${i}`, `pastValue_${i}`]).flat();
  const cache = new Map<string, OrtValue>();
  try {
    for (const name of names) cache.set(name, session.allocate(precision, dims, place));
  } catch (error) {
    for (const value of cache.values()) value.close();
    throw error;
  }
  return cache;
}

export class InPlaceDecoder implements WhisperDecoder {
  readonly #binding: OrtBinding;
  /** How many places of each row hold its text. */
  readonly #lengths: number[];
  #isClosed = false;

  /** @param frames encoder frames of each row before the padding */
  constructor(
    session: OrtSession,
    private readonly config: WhisperConfig,
    private readonly memory: DecoderMemory,
    frames: readonly number[],
  ) {
    this.#binding = session.bind();
    this.#lengths = frames.map(() => 0);
    const padded = Array.from({ length: memory.batch }, (_, row) => frames[row] ?? 1);
    for (const values of [memory.heard, memory.cache]) {
      for (const [name, value] of values) this.#binding.input(name, value);
    }
    // What is masked is multiplied by 0 all the same: where nothing was written yet there must be numbers.
    OrtValue.clear(memory.cache.values());
    bindTensor(this.#binding, 'audioFrames', int64(padded));
    memory.steps?.open(padded);
  }

  /** Several tokens of a row at once only as its first ones; the padding of a row is behind them. */
  async advance(input: DecoderInput): Promise<Choices> {
    const { tokens, present } = input;
    const { batch, cache, steps } = this.memory;
    const width = tokens.length / input.batch;
    const isFirst = this.places === 0;
    if (width > 1 && !isFirst) {
      throw new OrtError('invalidArgument', `${width} tokens at once are not the first of their rows`);
    }
    const added = this.#lengths.map((_, row) => textBefore(present, row * width, width));
    // A row without a new token is fed one all the same: it is written behind its text, and overwritten or never looked at.
    const lastPlace = Int32Array.from(
      { length: batch },
      (_, row) => (this.#lengths[row] ?? 0) + Math.max(1, added[row] ?? 0) - 1,
    );
    const places = isFirst ? width : Math.max(...lastPlace) + 1;
    if (places > this.config.maxTargetPositions) {
      throw new OrtError('invalidArgument', `${places} places are more than ${this.config.maxTargetPositions}`);
    }
    const padding = Array.from({ length: (batch - input.batch) * width }, () => 0);
    const padded = {
      ...input,
      batch,
      tokens: [...tokens, ...padding],
      positions: [...input.positions, ...padding],
    };
    const isStep = width === 1 && !isFirst && !input.logits && !input.atBegin.includes(true);
    const choices =
      steps && isStep
        ? await steps.step(padded, lastPlace)
        : await this.#run(padded, lastPlace, places, cache, steps && -1);
    for (const [row, count] of added.entries()) this.#lengths[row] = (this.#lengths[row] ?? 0) + count;
    return choices;
  }

  async #run(
    input: DecoderInput,
    lastPlace: Int32Array,
    places: number,
    cache: ReadonlyMap<string, OrtValue>,
    cudaGraph: number | undefined,
  ): Promise<Choices> {
    bindInput(this.#binding, input);
    bindTensor(this.#binding, 'lastPlace', { type: 'int32', dims: [lastPlace.length], data: lastPlace });
    bindTensor(this.#binding, 'places', { type: 'int32', dims: [1], data: Int32Array.of(places) });
    for (const [name, value] of cache) this.#binding.output(presentOf(name), value);
    bindChoices(this.#binding, this.config.isMultilingual, input.logits);
    return takeChoices(await this.#binding.run(cudaGraph));
  }

  get places(): number {
    return Math.max(...this.#lengths);
  }

  forget(row: number, from: number, to: number): void {
    if (from === to) return;
    if (to !== this.#lengths[row]) throw new OrtError('invalidArgument', 'only the last places of a row are forgotten');
    this.#lengths[row] = from;
  }

  restart(): void {
    this.#lengths.fill(0);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#binding.close();
    this.memory.release();
  }
}

/** How many of `width` places from `start` on are present; those behind them must not be. Throws OrtError. */
function textBefore(present: readonly boolean[], start: number, width: number): number {
  const row = present.slice(start, start + width);
  const end = row.indexOf(false);
  const count = end < 0 ? width : end;
  if (row.includes(true, count)) throw new OrtError('invalidArgument', 'a row holds text behind its padding');
  return count;
}
