// What decoders read and, in place, write: one block in which every batch is laid out anew. Addresses repeat, so steps
// can be recorded, and what a batch needs is taken from the device once, however many shapes there are.
import {
  blockAlignment,
  bytesPerElement,
  elementCount,
  MemoryBlock,
  type MemoryPlace,
  type OrtSession,
  type OrtValue,
} from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import type { Cache } from './decode-graph.js';
import { crossTensors, type HeardTensor } from './cross-attention.js';
import type { DecoderMemory } from './decoder-memory.js';
import type { HeardForm, Precision } from './layers.js';
import { samplesPerEncoderFrame, sampleRate } from './mel-filters.js';
import { StepGraph } from './step-graph.js';

/** The largest batch that will be. */
export interface LargestBatch {
  readonly windows: number;
  readonly seconds: number;
}

export interface WindowMemoryOptions {
  readonly config: WhisperConfig;
  readonly precision: Precision;
  readonly heardForm: HeardForm;
  readonly place: MemoryPlace;
  /** A cache that grows has its memory elsewhere. */
  readonly cache: Cache;
  /**
   * The decode graph, made with `enable_cuda_graph`, for short and for long contexts: steps are recorded in it.
   * Default: none are.
   */
  readonly steps?: { readonly short: OrtSession; readonly long: OrtSession } | undefined;
  /** Default: blocks grow with the batches, and what was recorded in a smaller one is recorded anew. */
  readonly largest?: LargestBatch | undefined;
}

/** Contexts from so many encoder frames on are long: 16 s. */
const LONG_FRAMES = 800;

/** A block, and the recordings that know its addresses. */
interface Slot {
  block: MemoryBlock | undefined;
  readonly steps: Map<string, StepGraph>;
}

/** Where a tensor of a batch lies. */
interface Placed extends Pick<HeardTensor, 'name' | 'type'> {
  /** Dimensions behind the batch. */
  readonly dims: readonly number[];
  readonly offset: number;
}

interface Layout {
  readonly heard: readonly Placed[];
  readonly cache: readonly Placed[];
  readonly length: number;
}

/** As many blocks as decoders are open at a time. */
export class WindowMemory {
  readonly #free: Slot[] = [];
  #recorded = 0;
  #isClosed = false;
  readonly #options: WindowMemoryOptions;

  constructor(options: WindowMemoryOptions) {
    this.#options = options;
  }

  /** Memory for so many windows of so many encoder frames. Throws OrtError where there is too little. */
  take(windows: number, frames: number): DecoderMemory {
    const { steps: sessions } = this.#options;
    const slot = this.#free.pop() ?? { block: undefined, steps: new Map<string, StepGraph>() };
    const opened: OrtValue[] = [];
    const release = (): void => {
      for (const value of opened.splice(0)) value.close();
      if (this.#isClosed) discard(slot);
      else this.#free.push(slot);
    };
    try {
      const batch = sessions ? recordedBatch(windows) : windows;
      const layout = this.#layout(batch, frames);
      const block = this.#blockOf(slot, layout.length);
      const lay = (placed: readonly Placed[], rows: number, first = 0): Map<string, OrtValue> => {
        const values = placed.map(({ name, type, dims, offset }) => {
          const from = offset + first * elementCount(dims) * bytesPerElement(type);
          return [name, block.tensor(type, [rows, ...dims], from)] as const;
        });
        return new Map(values);
      };
      const heardRows = (first: number, count: number): Map<string, OrtValue> => lay(layout.heard, count, first);
      const [heard, cache] = [lay(layout.heard, windows), lay(layout.cache, windows)];
      opened.push(...heard.values(), ...cache.values());
      if (!sessions) return { heard, heardRows, cache, release };
      const key = `${batch} ${frames}`;
      let steps = slot.steps.get(key);
      if (steps === undefined) {
        this.#recorded += 1;
        steps = new StepGraph(frames < LONG_FRAMES ? sessions.short : sessions.long, this.#options.place, {
          bound: { heard: lay(layout.heard, batch), cache: lay(layout.cache, batch) },
          batch,
          capacity: this.#options.config.maxTargetPositions,
          graph: this.#recorded,
        });
        slot.steps.set(key, steps);
      }
      return { heard, heardRows, cache, steps, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Gives back what no decoder uses now. */
  shrink(): void {
    for (const slot of this.#free.splice(0)) discard(slot);
  }

  /** What is taken is given back when its decoders are closed. */
  close(): void {
    this.#isClosed = true;
    for (const slot of this.#free.splice(0)) discard(slot);
  }

  #blockOf(slot: Slot, length: number): MemoryBlock {
    if (slot.block !== undefined && slot.block.length >= length) return slot.block;
    discard(slot);
    const { largest, place } = this.#options;
    const most =
      largest === undefined
        ? 0
        : this.#layout(largest.windows, (largest.seconds * sampleRate) / samplesPerEncoderFrame).length;
    slot.block = MemoryBlock.allocate(place, Math.max(length, most));
    return slot.block;
  }

  #layout(batch: number, frames: number): Layout {
    const { config, precision, heardForm, cache: kind } = this.#options;
    const { decoderLayers, decoderHeads: heads, maxTargetPositions, width, alignmentHeads } = config;
    const headWidth = width / heads;
    let length = 0;
    const place = ({ name, type, dims }: HeardTensor): Placed => {
      const offset = length;
      const sizes = dims.map((dim) => (dim === 'frames' ? frames : dim));
      length += Math.ceil((batch * elementCount(sizes) * bytesPerElement(type)) / blockAlignment) * blockAlignment;
      return { name, type, dims: sizes, offset };
    };
    const heard = [
      ...crossTensors(config, heardForm, precision),
      { name: 'alignmentKeys', type: precision, dims: [alignmentHeads.length, headWidth, 'frames'] } as const,
    ].map(place);
    const cached = Array.from({ length: kind === 'inPlace' ? decoderLayers : 0 }, (_, i) =>
      ['pastKey', 'pastValue'].map((name) => {
        return { name: `${name}_${i}`, type: precision, dims: [heads, maxTargetPositions, headWidth] } as const;
      }),
    );
    const cache = cached.flat().map(place);
    return { heard, cache, length };
  }
}

/** Rows of the recording that takes so many windows: few sizes, of which none is much larger than what it is for. */
function recordedBatch(windows: number): number {
  if (windows <= 8) return 2 ** Math.ceil(Math.log2(windows));
  const step = windows <= 32 ? 8 : 16;
  return Math.ceil(windows / step) * step;
}

/** The sizes in which steps are recorded, for batches of up to so many windows. */
export function recordedBatches(most: number): number[] {
  const sizes = Array.from({ length: most }, (_, i) => recordedBatch(i + 1));
  return [...new Set(sizes)].map((size) => Math.min(size, most));
}

function discard(slot: Slot): void {
  for (const steps of slot.steps.values()) steps.close();
  slot.steps.clear();
  slot.block?.close();
  slot.block = undefined;
}
