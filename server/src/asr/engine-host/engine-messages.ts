// What the server and an engine's process say to each other. Both ends are this code at one version: nothing is validated.
import type { DecodeRequest, DecodeResult, EngineModel } from '../engine.js';
import type { EngineErrorCode } from '../errors.js';
import type { EngineSpec } from './engine-spec.js';

/** From the server. `load` comes first and once; `close` ends running work and the process. */
export type ToEngine =
  | { readonly type: 'load'; readonly spec: EngineSpec }
  | { readonly type: 'decode'; readonly id: number; readonly batch: readonly DecodeRequest[] }
  | { readonly type: 'warmUp'; readonly id: number }
  | { readonly type: 'close' };

/** From the engine's process. `alive` comes every {@link HEARTBEAT_MS} as long as its event loop turns. */
export type FromEngine =
  | { readonly type: 'loaded'; readonly model: EngineModel; readonly maxBatch: number }
  | { readonly type: 'loadFailed'; readonly message: string }
  | { readonly type: 'decoded'; readonly id: number; readonly results: readonly DecodeResult[] }
  | { readonly type: 'warmedUp'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly code: EngineErrorCode; readonly message: string }
  | { readonly type: 'alive' };

export const HEARTBEAT_MS = 1_000;
