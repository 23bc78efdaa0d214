// What the server and an engine's process say to each other. Both ends are this code at one version: nothing is validated.
import type { DecodeRequest, DecodeResult, Engine } from '../engine.js';
import type { EngineErrorCode } from '../errors.js';
import type { EngineSpec } from './engine-spec.js';

/** Descriptor of the {@link AudioArena} in the engine's process, where there is one: behind standard streams and channel. */
export const ARENA_FILE = 4;

/** A window in the {@link AudioArena}: samples from `begin` to `end`. */
export interface PlacedAudio {
  readonly begin: number;
  readonly end: number;
}

/** A request whose audio comes along, or lies in the arena. */
export interface SentRequest extends Omit<DecodeRequest, 'audio'> {
  readonly audio: Float32Array | PlacedAudio;
}

/** From the server. `load` comes first and once (`arenaBytes`: 0 where there is no arena); `close` ends running work and the process. */
export type ToEngine =
  | { readonly type: 'load'; readonly spec: EngineSpec; readonly arenaBytes: number }
  | { readonly type: 'decode'; readonly id: number; readonly batch: readonly SentRequest[] }
  | { readonly type: 'warmUp'; readonly id: number }
  | { readonly type: 'close' };

/** What does not change while a process lives. */
export type EngineFacts = Pick<Engine, 'model' | 'maxBatch' | 'sharesTime' | 'runsInFlight'>;

/** From the engine's process. `alive` comes every {@link HEARTBEAT_MS} as long as its event loop turns; `seesArena`: it takes audio from there. */
export type FromEngine =
  | ({ readonly type: 'loaded'; readonly seesArena: boolean } & EngineFacts)
  | { readonly type: 'loadFailed'; readonly message: string }
  | { readonly type: 'decoded'; readonly id: number; readonly results: readonly DecodeResult[] }
  | { readonly type: 'warmedUp'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly code: EngineErrorCode; readonly message: string }
  | { readonly type: 'alive' };

export const HEARTBEAT_MS = 1_000;
