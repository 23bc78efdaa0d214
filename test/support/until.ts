// Waits for what no event tells of.
import { setTimeout as delay } from 'node:timers/promises';

/** Far beyond what any machine needs. */
const LIMIT_MS = 30_000;

/** Resolves once the condition holds; rejects with what was awaited when it does not. */
export async function until(
  condition: () => boolean,
  what: string | (() => string) = () => condition.toString(),
): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`never came: ${typeof what === 'string' ? what : what()}`);
    await delay(2);
  }
}
