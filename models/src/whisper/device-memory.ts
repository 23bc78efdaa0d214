// How much of a GPU's memory a model needs: told before it is loaded.
import type { WhisperConfig } from './config.js';
import { fftLength, frequencyBins, samplesPerEncoderFrame, sampleRate } from './mel-filters.js';

export interface MemoryNeed {
  /** Windows of the largest batch. */
  readonly batch: number;
  /** The longest context, seconds. */
  readonly seconds: number;
}

const HALF = 2;
const FLOAT = 4;
/** CUDA's context, the libraries' code and their workspaces. */
const FIXED_BYTES = 1.2e9;
/** Memory is taken in blocks that grow: not all of a block is used. */
const SLACK = 1.25;
/** Positions of one row that a run chooses behind: a draft of an ordinary utterance. */
const CHOSEN = 64;

/**
 * Bytes of device memory that a model in half precision takes at most, with its cache in place. An estimate from its
 * dimensions: weights, what the encoder hands to the decoder, the cache, and the largest intermediate results.
 */
export function deviceMemoryNeed(config: WhisperConfig, parameters: number, { batch, seconds }: MemoryNeed): number {
  const { width, decoderLayers, decoderInner, encoderInner, maxTargetPositions, vocabularySize } = config;
  const { alignmentHeads, decoderHeads } = config;
  const frames = (seconds * sampleRate) / samplesPerEncoderFrame;
  const heard = 2 * decoderLayers * frames * width + (alignmentHeads.length * frames * width) / decoderHeads;
  const cache = 2 * decoderLayers * maxTargetPositions * width;
  const spectrum = FLOAT * 2 * frames * (2 * 2 * frequencyBins + fftLength);
  const encoding = HALF * frames * (2 * encoderInner + 6 * width);
  const choosing = FLOAT * CHOSEN * (3 * vocabularySize + 2 * alignmentHeads.length * frames);
  const perRow = HALF * (heard + cache) + Math.max(spectrum, encoding) + choosing;
  // Recorded steps have the decoder's weights once more.
  const recorded = decoderLayers * (6 * width * width + 2 * width * decoderInner) + vocabularySize * width;
  return FIXED_BYTES + HALF * (parameters + recorded) + SLACK * batch * perRow;
}

/** The largest batch, a power of two up to `most`, that fits into so many bytes; 0 when not even one window does. */
export function largestBatchWithin(
  bytes: number,
  config: WhisperConfig,
  parameters: number,
  { batch: most, seconds }: MemoryNeed,
): number {
  for (let batch = 2 ** Math.floor(Math.log2(most)); batch >= 1; batch /= 2) {
    if (deviceMemoryNeed(config, parameters, { batch, seconds }) <= bytes) return batch;
  }
  return 0;
}
