// Tells the URLs of clients that their jobs are over: signed, tried again with growing pauses, never into the private
// network.
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { AddressGuard } from '../http/outbound/address-guard.js';
import { safeFetch, SafeFetchError } from '../http/outbound/safe-fetch.js';
import type { KeyValueStore } from '../store/key-value-store.js';
import { timePrefix } from '../transcripts/transcript.js';
import { JobError } from './job-error.js';
import { jobJson, type JobRecord, type WebhookState } from './job.js';
import { deliveryAt, type JobStore } from './job-store.js';
import { createHmac } from 'node:crypto';

/** Pauses before each try, milliseconds; after the last one it is given up. */
export const DELIVERY_PAUSES_MS = [0, 5_000, 30_000, 300_000, 1_800_000, 7_200_000] as const;
/** How long one delivery may take, milliseconds. */
const TIMEOUT_MS = 10_000;
/** Longer than a delivery can take: a process that dies with one leaves it to be tried again, milliseconds. */
const CLAIM_MS = 60_000;
/** Deliveries that are under way at a time. */
const AT_ONCE_MAX = 10;
/** Bytes read of an answer, of which only the status matters. */
const ANSWER_BYTES_MAX = 65_536;

export interface WebhooksOptions {
  readonly store: KeyValueStore;
  readonly jobs: JobStore;
  readonly guard: AddressGuard;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #store: KeyValueStore;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** Refuses at once what can be told by the URL alone. Throws JobError `webhook_refused`. */
  check(target: string): void {
    const { guard } = this.#options;
    const url = new URL(target);
    const host = url.hostname.replaceAll(/[[\]]/g, '');
    const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
    const isNear = isIP(host) !== 0 ? !guard.allowsAddress(host) : /(^|\.)localhost\.?$/.test(host);
    if (isWeb && url.username === '' && (!isNear || guard.allowsName(host))) return;
    throw new JobError(
      'webhook_refused',
      'webhook.url: expected an http or https URL of the public internet, without a password in it.',
    );
  }

  /** Delivers what is due; called about once a second. */
  async deliverDue(signal: AbortSignal): Promise<void> {
    const now = this.#options.wallNow();
    const due = await this.#store.keys('deliveries', { to: timePrefix(now + 1), limit: AT_ONCE_MAX });
    await Promise.all(due.map((key) => this.#deliver(key, signal)));
  }

  async #deliver(key: string, signal: AbortSignal): Promise<void> {
    const { jobs, wallNow } = this.#options;
    const id = key.slice(timePrefix(0).length);
    const claim = deliveryAt(wallNow() + CLAIM_MS, id);
    const removal = { map: 'deliveries', key, value: undefined } as const;
    const isOurs = await this.#store.commit([removal, claim], [{ ...removal, value: NOTHING }]);
    if (!isOurs) return;
    const job = await jobs.get(id);
    const release = { ...claim, value: undefined };
    if (job?.options.webhook === undefined) return void (await this.#store.commit([release]));
    const failure = await this.#send(job, job.options.webhook, signal);
    if (signal.aborted) return;
    const attempts = (job.webhook?.attempts ?? 0) + 1;
    const pause = failure === undefined ? undefined : DELIVERY_PAUSES_MS[attempts];
    await this.#store.commit([release, ...(pause === undefined ? [] : [deliveryAt(wallNow() + pause, id)])]);
    await jobs.note(id, stateOf(failure, attempts, pause));
  }

  /** Resolves with what went wrong. */
  async #send(
    job: JobRecord,
    { url, secret }: { readonly url: string; readonly secret: string },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { guard, wallNow, log } = this.#options;
    const body = JSON.stringify({
      type: `job.${job.state}`,
      timestamp: new Date(wallNow()).toISOString(),
      data: jobJson(job, wallNow()),
    });
    const timestampS = Math.floor(wallNow() / 1_000);
    try {
      const response = await safeFetch(url, {
        guard,
        method: 'POST',
        headers: webhookHeaders(secret, { id: job.id, timestampS, body }),
        body,
        timeoutMs: TIMEOUT_MS,
        bytesMax: ANSWER_BYTES_MAX,
        signal,
      });
      response.discard();
      return response.status >= 200 && response.status < 300 ? undefined : `answered with ${response.status}`;
    } catch (error) {
      if (!signal.aborted && !(error instanceof SafeFetchError))
        log.warn({ err: error, job: job.id }, 'a webhook failed');
      return error instanceof SafeFetchError ? error.code : 'failed';
    }
  }
}

const NOTHING = new Uint8Array();

function stateOf(failure: string | undefined, attempts: number, pause: number | undefined): WebhookState {
  if (failure === undefined) return { state: 'delivered', attempts };
  return { state: pause === undefined ? 'failed' : 'waiting', attempts, lastError: failure };
}

/** Prefix of a secret that is written in Base64. */
const BASE64_PREFIX = 'whsec_';

/**
 * The headers of one delivery. The signature is `v1,` and the Base64 of the HMAC-SHA256 of `<id>.<timestamp>.<body>`. A
 * secret `whsec_…` is Base64, any other one is taken as it is.
 */
function webhookHeaders(
  secret: string,
  { id, timestampS, body }: { readonly id: string; readonly timestampS: number; readonly body: string },
): Record<string, string> {
  const key = secret.startsWith(BASE64_PREFIX) ? Buffer.from(secret.slice(BASE64_PREFIX.length), 'base64') : secret;
  const signature = createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': `v1,${signature}`,
  };
}
