// Waiting for servers that may never answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';

export interface News {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** A promise that is told from outside. Nobody need wait for it. */
export function news(): News {
  let told: Omit<News, 'promise'> | undefined;
  const promise = new Promise<void>((resolve, reject) => (told = { resolve, reject }));
  promise.catch(() => undefined);
  return { promise, resolve: () => told?.resolve(), reject: (cause) => told?.reject(cause) };
}

/** @throws BenchError `peer_failed` with the sentence where it takes longer */
export async function within(promise: Promise<unknown>, ms: number, otherwise: string): Promise<void> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new BenchError('peer_failed', `${otherwise} within ${ms} ms.`);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

/** Waits no longer than so: what has not come by then is lost. */
export async function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  await within(promise, ms, '').catch(() => undefined);
}
