// Which engine to make, in a form that survives the way into another process.
import { messageOf } from '@sotto/protocol';
import type { Engine } from '../engine.js';
import { EngineError } from '../errors.js';

/** An engine to be made by a module that exports `createEngine(options): Promise<Engine>`. */
export interface EngineSpec {
  /** File URL of the module. */
  readonly module: string;
  /**
   * Whether native calls must all come from one thread: so it is with CUDA, whose contexts, plans and recorded graphs
   * belong to their thread.
   */
  readonly isSingleThreaded?: boolean;
  /** Its argument: plain data, as structured clone carries it. */
  readonly options: unknown;
}

/** What the module of a spec exports. */
export interface EngineModule {
  createEngine(options: unknown): Promise<Engine>;
}

/** Makes the engine in this process. Rejects with EngineError `engine_load_failed`. */
export async function createEngine(spec: EngineSpec): Promise<Engine> {
  try {
    const loaded: Partial<EngineModule> = await import(spec.module);
    if (typeof loaded.createEngine !== 'function') throw new TypeError(`${spec.module} exports no createEngine`);
    return await loaded.createEngine(spec.options);
  } catch (cause) {
    throw new EngineError('engine_load_failed', `the engine could not be loaded: ${messageOf(cause)}`, { cause });
  }
}
