// The memory that a decoder works in.
import type { OrtValue } from '../onnxruntime/index.js';
import type { StepGraph } from './step-graph.js';

/**
 * What a decoder reads and writes on its device, a row for each window. Without numbers that are none: what is masked
 * is multiplied by 0 all the same.
 */
export interface DecoderMemory {
  /** `crossKey_i`, `crossValue_i`, `alignmentKeys`: what the encoder made of the windows. */
  readonly heard: ReadonlyMap<string, OrtValue>;
  /** Some rows of it, to be written by the encoder: the caller closes them. */
  heardRows(first: number, count: number): ReadonlyMap<string, OrtValue>;
  /**
   * In place: `pastKey_i`, `pastValue_i` [batch, heads, maxTargetPositions, headWidth]: each is its own present, too.
   */
  readonly cache: ReadonlyMap<string, OrtValue>;
  /** Steps as a CUDA graph over the same memory, where there is one: perhaps of more rows. */
  readonly steps?: StepGraph;
  /** Called when the decoder is closed. */
  release(): void;
}
