// Recordings in two halves that stay the same whatever is added: one to work on, one to check with.
import { createHash } from 'node:crypto';

export const HALVES = ['tune', 'check'] as const;
export type Half = (typeof HALVES)[number];

/** Of a recording, by its id alone. */
export function halfOf(id: string): Half {
  return (createHash('sha1').update(id).digest()[0] ?? 0) % 2 === 0 ? 'tune' : 'check';
}
