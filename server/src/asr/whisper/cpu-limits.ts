// How much an engine on the CPU takes into one run.
import { hostMemory, inspectModel, secondsWithin } from '@sotto/models';
import { availableParallelism } from 'node:os';
import { SAMPLE_RATE } from '../../audio/samples.js';

/**
 * Context of one run for each of its threads, seconds. A step over several windows reads the weights once for all of
 * them, but what they hear is in memory for all of them (measured: base, 2 threads of a busy machine, a file of 453 s
 * in windows of up to 30 s, 2 / 4 / 8 at a time: 34.5 / 30.3 / 27.6 s of processor time, 439 / 473 / 473 to 542 MB).
 */
const SECONDS_PER_THREAD = 120;
const THREADS_MIN = 2;

export interface CpuModel {
  readonly directory: string;
  readonly threads?: number | undefined;
  /** The largest batch that is wanted. */
  readonly maxBatch: number;
  readonly memoryBytes?: number | undefined;
  readonly precision: 'fp32' | 'int8' | undefined;
}

/** Samples of context of all windows of a run. */
export async function samplesThatFit(model: CpuModel): Promise<number> {
  const { directory, threads = availableParallelism(), maxBatch, memoryBytes = Infinity, precision } = model;
  const { config, parameters } = await inspectModel(directory);
  const fits = secondsWithin(memoryBytes, hostMemory(config, parameters, precision === 'int8' ? 1 : 4), maxBatch);
  return Math.floor(SAMPLE_RATE * Math.min(SECONDS_PER_THREAD * Math.max(THREADS_MIN, threads), fits));
}
