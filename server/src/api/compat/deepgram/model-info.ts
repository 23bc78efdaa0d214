// What Deepgram's documents tell of the model: a name and an id, which here follows from the name.
import { createHash } from 'node:crypto';
import { VERSION } from '../../../version.js';

export interface ModelInfo {
  readonly uuid: string;
  readonly info: { readonly name: string; readonly version: string; readonly arch: string };
}

/** `name`: of the model that really serves. */
export function modelInfo(name: string): ModelInfo {
  const hex = createHash('sha256').update(`sotto model ${name}`).digest('hex');
  // A UUID of version 8 (RFC 9562): its bits are our own.
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-9${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return { uuid, info: { name, version: VERSION, arch: 'whisper' } };
}
