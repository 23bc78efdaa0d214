// Delivers a document to the address that a client named for it.
import { setTimeout as delay } from 'node:timers/promises';
import type { AddressGuard } from '../../../http/outbound/address-guard.js';
import { safeFetch, SafeFetchError } from '../../../http/outbound/safe-fetch.js';

/** How long the receiver may take to answer, milliseconds. */
const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 65_536;
/** Pauses before further attempts, milliseconds. */
const PAUSES_MS = [1_000, 10_000, 60_000] as const;

/** Sends it until an attempt is answered with 2xx. Rejects when none was, or when the address may not be asked. */
export async function deliver(
  document: object,
  { url, method }: { readonly url: string; readonly method: 'POST' | 'PUT' },
  guard: AddressGuard,
): Promise<void> {
  const body = JSON.stringify(document);
  for (let attempt = 0; ; attempt++) {
    try {
      const headers = { 'content-type': 'application/json' };
      const request = { guard, method, headers, body, timeoutMs: TIMEOUT_MS, bytesMax: ANSWER_BYTES_MAX };
      const { status, discard } = await safeFetch(url, request);
      discard();
      if (status >= 200 && status < 300) return;
      throw new SafeFetchError('unreachable', `The receiver answered with status ${status}.`);
    } catch (error) {
      const pause = PAUSES_MS[attempt];
      if (pause === undefined || !(error instanceof SafeFetchError && error.retryable)) throw error;
      await delay(pause, undefined, { ref: false });
    }
  }
}
