// How much memory an engine on the CPU takes: told before a batch is made.
import type { WhisperConfig } from './config.js';
import { sampleRate, samplesPerEncoderFrame } from './mel-filters.js';

const FLOAT = 4;
/** Encoder frames of one run of the encoder: 30 s. */
const ENCODED_FRAMES = 1_500;
const FRAMES_PER_SECOND = sampleRate / samplesPerEncoderFrame;
/** Node, the libraries' code, the tokenizer. */
const PROCESS_BYTES = 170e6;
/** The arena takes memory in blocks that grow: not all of a block is used. */
const SLACK = 1.15;
/** Positions of a row that a run chooses behind: a draft of an ordinary utterance. */
const CHOSEN = 32;

export interface HostMemory {
  /** Process, weights, and one run of the encoder. */
  readonly fixedBytes: number;
  /** What each window of a batch takes, however long it is: its cache, and what it chooses among. */
  readonly bytesPerWindow: number;
  /** What each second of context takes: what the encoder hands to the decoder. */
  readonly bytesPerSecond: number;
}

/** An estimate from the dimensions of a model. @param bytesPerWeight 1: in integers, 4: in float32 */
export function hostMemory(config: WhisperConfig, parameters: number, bytesPerWeight: 1 | 4): HostMemory {
  const { width, decoderLayers, encoderInner, maxTargetPositions, vocabularySize, alignmentHeads, decoderHeads } =
    config;
  const encoding = FLOAT * ENCODED_FRAMES * (3 * encoderInner + 8 * width);
  // Past and present of each layer's keys and values, half full.
  const cache = FLOAT * 2 * 2 * decoderLayers * width * (maxTargetPositions / 2);
  const choosing = FLOAT * CHOSEN * 3 * vocabularySize;
  // Keys and values are in bytes where weights are.
  const heard = bytesPerWeight * 2 * decoderLayers * width + FLOAT * ((alignmentHeads.length * width) / decoderHeads);
  return {
    fixedBytes: PROCESS_BYTES + SLACK * (bytesPerWeight * parameters + encoding),
    bytesPerWindow: SLACK * (cache + choosing),
    bytesPerSecond: SLACK * FRAMES_PER_SECOND * heard,
  };
}

/** Seconds of context that a batch of up to so many windows may have within so many bytes; 0: not even one. */
export function secondsWithin(bytes: number, memory: HostMemory, windows: number): number {
  return Math.max(0, (bytes - memory.fixedBytes - windows * memory.bytesPerWindow) / memory.bytesPerSecond);
}
