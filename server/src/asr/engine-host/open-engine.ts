// Opens an engine where the settings want it: in this process or in one of its own.
import type { Engine } from '../engine.js';
import { createEngine, type EngineSpec } from './engine-spec.js';
import { ProcessEngine, type ProcessEngineOptions } from './process-engine.js';

export type EngineIsolation = 'process' | 'inline';

/** Loads an engine. Rejects with EngineError `engine_load_failed`. */
export function openEngine(
  spec: EngineSpec,
  isolation: EngineIsolation,
  options: Partial<ProcessEngineOptions> = {},
): Promise<Engine> {
  return isolation === 'process' ? ProcessEngine.start(spec, options) : createEngine(spec);
}
