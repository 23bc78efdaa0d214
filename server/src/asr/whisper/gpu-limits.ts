// What an engine must know of a GPU: how many windows it has memory for, and when it is lost.
import { deviceMemoryNeed, freeDeviceMemory, inspectModel, largestBatchWithin, ModelError } from '@sotto/models';

export interface GpuModel {
  readonly name: string;
  readonly directory: string;
  /** Context lengths, seconds, ascending. */
  readonly buckets: readonly number[];
  /** The largest batch that is wanted. */
  readonly maxBatch: number;
}

/**
 * A power of two up to the largest batch that is wanted. Throws ModelError `unsupported` when there is no memory for a
 * single window.
 */
export async function batchThatFits({ name, directory, buckets, maxBatch }: GpuModel, gpu: number): Promise<number> {
  const { config, parameters } = await inspectModel(directory);
  let free: number;
  try {
    free = freeDeviceMemory(gpu);
  } catch {
    // Why there is no such GPU, or no CUDA, is told by loading the model there.
    return maxBatch;
  }
  const seconds = buckets.at(-1) ?? 30;
  const batch = largestBatchWithin(free, config, parameters, { batch: maxBatch, seconds });
  if (batch > 0) return batch;
  const need = gigabytes(deviceMemoryNeed(config, parameters, { batch: 1, seconds }));
  throw new ModelError(
    'unsupported',
    `${name} needs about ${need} of the GPU's memory for one window of ${seconds} s, ${gigabytes(free)} are free: end what else uses the GPU, or take a smaller model`,
  );
}

/**
 * Whether a failure's message says that CUDA's context is broken, by ONNX Runtime's words or ours: every later call of
 * the process then fails too. Too little memory (error 2) does not break it.
 */
export function isDeviceLost(message: string): boolean {
  return /\b(?:CUDA|CUBLAS|CUDNN) failure (?!2:)\d+|^CUDA: (?!.*\(2\)$)/.test(message);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
