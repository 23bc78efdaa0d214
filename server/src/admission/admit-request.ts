// Whether one more HTTP request is within the quotas of its client.
import type { Client } from '../access/principal.js';
import type { HttpRequest } from '../http/exchange.js';
import { HttpError } from '../http/http-error.js';
import type { Admission } from './admission.js';
import { QuotaError } from './quota.js';

/** Small bodies of JSON are no uploads. */
const SMALL_BYTES = 65_536;

/** Returns what gives back what it holds, when the request is answered. @throws HttpError 429 `quota_exceeded` */
export function admitRequest(admission: Admission, client: Client, request: HttpRequest): () => void {
  try {
    admission.requests.spend(client, 1);
    return isUpload(request) ? admission.uploads.take(client) : () => undefined;
  } catch (error) {
    throw asHttpError(error);
  }
}

/** Audio of a recording that came over HTTP. @throws HttpError 429 `quota_exceeded` */
export function spendRecording(admission: Admission, client: Client, ms: number): void {
  try {
    admission.spendAudio(client, ms);
  } catch (error) {
    throw asHttpError(error);
  }
}

function asHttpError(error: unknown): unknown {
  if (!(error instanceof QuotaError)) return error;
  return new HttpError(429, error.code, error.message, retryAfter(error), { cause: error });
}

/** Of an answer: seconds, as HTTP has it. */
export function retryAfter({ retryAfterMs }: QuotaError): { readonly 'retry-after': string } {
  return { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
}

function isUpload({ method, header }: HttpRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return false;
  const length = header('content-length');
  return header('transfer-encoding') !== '' || Number(length) > SMALL_BYTES;
}
