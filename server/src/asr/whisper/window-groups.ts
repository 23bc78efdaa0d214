// The windows of a batch as the network takes them: those of one context together, with silence behind each.
import { bucketFor, type DecodeRequest, type EngineModel } from '../engine.js';
import { EngineError } from '../errors.js';

/** Windows of one context. */
export interface WindowGroup {
  readonly requests: readonly DecodeRequest[];
  /** Their places in the batch. */
  readonly indices: readonly number[];
  /** [windows, bucket] samples. */
  readonly audio: Float32Array;
}

/**
 * At most `maxBatch` windows a group. Throws EngineError `engine_failed` where one is longer than the model's window.
 */
export function groupWindows(batch: readonly DecodeRequest[], model: EngineModel, maxBatch: number): WindowGroup[] {
  const groups: { bucket: number; indices: number[]; requests: DecodeRequest[] }[] = [];
  for (const [index, request] of batch.entries()) {
    const shortest = bucketFor(request.audio.length, model);
    if (shortest === undefined) {
      throw new EngineError('engine_failed', `${request.audio.length} samples are longer than the model's window`);
    }
    const bucket = Math.max(shortest, request.context ?? 0);
    const open = groups.find((group) => group.bucket === bucket && group.indices.length < maxBatch);
    if (open) {
      open.indices.push(index);
      open.requests.push(request);
    } else groups.push({ bucket, indices: [index], requests: [request] });
  }
  return groups.map(({ bucket, indices, requests }) => ({ indices, requests, audio: paddedAudio(requests, bucket) }));
}

/** [batch, bucket]: each window with silence behind it. */
function paddedAudio(windows: readonly DecodeRequest[], bucket: number): Float32Array {
  const audio = new Float32Array(windows.length * bucket);
  for (const [i, request] of windows.entries()) audio.set(request.audio, i * bucket);
  return audio;
}
