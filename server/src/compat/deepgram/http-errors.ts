// Refusals over HTTP as Deepgram words them.
import { jsonResponse } from '../../http/json-response.js';
import type { WholeResponse } from '../../gateway/transport.js';

export interface DeepgramError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The body of the error, and the headers in which the SDKs look for it. */
export function deepgramError({ status, code, message }: DeepgramError, requestId: string): WholeResponse {
  return jsonResponse(
    status,
    { err_code: code, err_msg: message, request_id: requestId },
    { 'dg-request-id': requestId, 'dg-error': headerText(message), ...(status === 503 ? { 'retry-after': '1' } : {}) },
  );
}

export const INVALID_AUTH: DeepgramError = { status: 401, code: 'INVALID_AUTH', message: 'Invalid credentials.' };

/** A header holds neither line breaks nor letters beyond ASCII. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400);
}
