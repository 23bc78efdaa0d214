// Which shapes of batches an engine runs once before there is work.
import { recordedBatches } from '@sotto/models';
import { SAMPLE_RATE } from '../../audio/samples.js';

/** A batch of windows of one context. */
export interface WindowShape {
  /** Context of each window, samples. */
  readonly bucket: number;
  readonly windows: number;
}

/** Most utterances are no longer, seconds. */
const LIVE_SECONDS = 12;

/**
 * The CPU compiles nothing per shape: what a first run costs, the shortest one pays (measured: the others are no slower
 * the first time).
 */
export function cpuShapes(buckets: readonly number[]): WindowShape[] {
  return buckets.slice(0, 1).map((bucket) => ({ bucket, windows: 1 }));
}

/**
 * On a GPU the first run of a shape takes 50 to 250 ms longer: kernels are loaded and planned, steps are recorded,
 * memory is taken. So those that live speech comes in are run before it does, the largest first, whose memory serves
 * the others; of long windows, which are rare, a single one.
 */
export function gpuShapes(buckets: readonly number[], maxBatch: number): WindowShape[] {
  const shapes = buckets.flatMap((bucket) => {
    const batches = bucket <= LIVE_SECONDS * SAMPLE_RATE ? recordedBatches(maxBatch) : [1];
    return batches.map((windows) => ({ bucket, windows }));
  });
  return shapes.sort((a, b) => b.windows * b.bucket - a.windows * a.bucket);
}
