// The spec of the engine that says what is written for it.
import type { InstalledModel } from '@sotto/models';
import { extname } from 'node:path';
import type { ScriptedOptions } from '../scripted-engine.js';
import type { EngineSpec } from './engine-spec.js';

/** @param model whose tokenizer and contexts it has */
export function scriptedEngineSpec({ name, directory, manifest }: InstalledModel): EngineSpec {
  const { buckets, tailSilenceMs, usesPreviousText } = manifest;
  const options: ScriptedOptions = { name, directory, buckets, tailSilenceMs, usesPreviousText };
  return { module: new URL(`../scripted-engine${extname(import.meta.url)}`, import.meta.url).href, options };
}
