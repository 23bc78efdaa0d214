// The device memory of in-place decoders: made anew for each, or kept by shape so that steps can be recorded.
import type { MemoryPlace, OrtSession, OrtValue } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import { allocateCache, type DecoderMemory } from './in-place-decoder.js';
import type { Precision } from './layers.js';
import { StepGraph } from './step-graph.js';

interface Kept {
  readonly heard: ReadonlyMap<string, OrtValue>;
  readonly cache: ReadonlyMap<string, OrtValue>;
  readonly steps: StepGraph;
}

/** Buffers by batch and audio context. As many as there are shapes, and decoders open at a time. */
export class DecoderBuffers {
  readonly #free = new Map<string, Kept[]>();
  readonly #all: Kept[] = [];

  /** @param memory the session whose memory the buffers are: another than the one whose steps are recorded */
  constructor(
    private readonly session: OrtSession,
    private readonly memory: OrtSession,
    private readonly config: WhisperConfig,
    private readonly precision: Precision,
    private readonly place: MemoryPlace,
  ) {}

  /** Takes buffers for at least so many rows. */
  take(rows: number, frames: number): DecoderMemory {
    const batch = 2 ** Math.ceil(Math.log2(rows));
    const key = `${batch} ${frames}`;
    const kept = this.#free.get(key)?.pop() ?? this.#make(batch, frames);
    return {
      batch,
      ...kept,
      release: () => {
        const free = this.#free.get(key);
        if (free) free.push(kept);
        else this.#free.set(key, [kept]);
      },
    };
  }

  close(): void {
    for (const { heard, cache, steps } of this.#all.splice(0)) {
      steps.close();
      for (const value of [...heard.values(), ...cache.values()]) value.close();
    }
    this.#free.clear();
  }

  #make(batch: number, frames: number): Kept {
    const { memory, config, precision, place } = this;
    const { decoderLayers, decoderHeads: heads, width, maxTargetPositions, alignmentHeads } = config;
    const headWidth = width / heads;
    const heard = new Map<string, OrtValue>();
    for (let i = 0; i < decoderLayers; i++) {
      for (const kind of ['Key', 'Value']) {
        heard.set(`cross${kind}_${i}`, memory.allocate(precision, [batch, heads, frames, headWidth], place));
      }
    }
    heard.set('alignmentKeys', memory.allocate(precision, [batch, alignmentHeads.length, headWidth, frames], place));
    const cache = allocateCache(memory, config, precision, place, batch);
    const number = this.#all.length + 1;
    const steps = new StepGraph(this.session, memory, place, { heard, cache }, batch, maxTargetPositions, number);
    const kept = { heard, cache, steps };
    this.#all.push(kept);
    return kept;
  }
}
