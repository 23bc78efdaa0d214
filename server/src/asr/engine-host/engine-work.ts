// What the server and an engine's process say to each other.
import type { DecodeRequest, DecodeResult, Engine } from '../engine.js';
import type { EngineErrorCode } from '../errors.js';
import type { EngineSpec } from './engine-spec.js';

/** A window in the {@link AudioArena}: samples from `begin` to `end`. */
export interface PlacedAudio {
  readonly begin: number;
  readonly end: number;
}

/** A request whose audio comes along, or lies in the arena. */
export interface SentRequest extends Omit<DecodeRequest, 'audio'> {
  readonly audio: Float32Array | PlacedAudio;
}

/** What does not change while a process lives. `seesArena`: it takes audio from there. */
export type EngineFacts = Pick<Engine, 'model' | 'maxBatch' | 'samplesMax' | 'sharesTime' | 'runsInFlight'> & {
  readonly seesArena: boolean;
};

export interface EngineWork {
  /** `arenaBytes`: 0 where there is no arena. */
  readonly load: { readonly spec: EngineSpec; readonly arenaBytes: number };
  readonly facts: EngineFacts;
  /** A batch to decode, or the engine is to be warmed up, or to give memory back. */
  readonly request: readonly SentRequest[] | 'warmUp' | 'shrink';
  readonly answer: readonly DecodeResult[];
  readonly part: never;
  readonly told: never;
  readonly tells: never;
  readonly code: EngineErrorCode;
}
