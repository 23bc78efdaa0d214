// The spec of the Whisper engine for an installed model.
import type { InstalledModel } from '@sotto/models';
import { extname } from 'node:path';
import type { WhisperEngineOptions } from '../whisper/whisper-engine.js';
import type { EngineSpec } from './engine-spec.js';

/** @param more threads, batch size, precision, device: what is the machine's rather than the model's */
export function whisperEngineSpec(
  model: InstalledModel,
  more: Pick<WhisperEngineOptions, 'threads' | 'maxBatch' | 'runsInFlight' | 'precision' | 'cuda' | 'memoryBytes'> = {},
): EngineSpec {
  const { buckets, tailSilenceMs, usesPreviousText } = model.manifest;
  const options: WhisperEngineOptions = {
    name: model.name,
    directory: model.directory,
    buckets,
    tailSilenceMs,
    usesPreviousText,
    ...more,
  };
  return {
    module: new URL(`../whisper/whisper-engine${extname(import.meta.url)}`, import.meta.url).href,
    isSingleThreaded: options.cuda !== undefined,
    options,
  };
}
