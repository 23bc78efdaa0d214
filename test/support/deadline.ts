// A bound for promises of which a broken test would wait for ever; far beyond what any machine needs.
import { setTimeout as delay } from 'node:timers/promises';

export async function deadline<T>(promise: Promise<T>, limitMs = 30_000): Promise<T> {
  const over = new AbortController();
  const late = delay(limitMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`nothing came within ${limitMs} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}
