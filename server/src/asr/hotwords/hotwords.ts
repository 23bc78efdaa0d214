// A caller's list of terms as an engine gets it.
import { createHash } from 'node:crypto';
import type { Hotwords } from '../engine.js';

/** Lists come again with every utterance of a session. */
const known = new WeakMap<readonly string[], Hotwords>();

/** Undefined where there are no terms. */
export function hotwordsOf(list: readonly string[]): Hotwords | undefined {
  const terms = [...new Set(list.map((term) => term.trim()))].filter((term) => term !== '');
  if (terms.length === 0) return undefined;
  const found = known.get(list) ?? { key: keyOf(terms), terms };
  known.set(list, found);
  return found;
}

function keyOf(terms: readonly string[]): string {
  return createHash('sha1').update(JSON.stringify(terms)).digest('base64');
}
