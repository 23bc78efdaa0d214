// The spec of the engine that hears nothing.
import { extname } from 'node:path';
import type { EngineSpec } from './engine-spec.js';

/** @param directory of a model; see NullEngine */
export function nullEngineSpec(directory: string): EngineSpec {
  return { module: new URL(`../null-engine${extname(import.meta.url)}`, import.meta.url).href, options: directory };
}
