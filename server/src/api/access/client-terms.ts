// What holds for the recordings of a request's client: whose quota their audio is taken from, and what its key demands.
import type { Authorizer } from '../../access/access.js';
import { credentialOf } from '../../access/credentials.js';
import type { KeySettings } from '../../access/key-settings.js';
import { ANYBODY, type Client } from '../../access/principal.js';
import type { RequestHead } from '../../http/exchange.js';
import type { SpendAudio } from '../../recordings/file-transcription.js';

export interface ClientTerms {
  readonly spendAudio: SpendAudio;
  readonly demands: KeySettings | undefined;
}

/** Read before the request is over. */
export type TermsOf = (request: RequestHead) => ClientTerms;

export interface Quotas {
  /** @throws HttpError 429 `quota_exceeded` */
  readonly spendAudio: (client: Client, ms: number) => void;
  /** Where a request comes from. */
  readonly addressOf: (request: RequestHead) => string;
}

export const NO_QUOTAS: Quotas = { spendAudio: () => undefined, addressOf: ({ remoteAddress }) => remoteAddress };

export function createTerms(access: Authorizer, { spendAudio, addressOf }: Quotas): TermsOf {
  return (request) => {
    const identity = access.identify(credentialOf(request));
    const client = { principal: typeof identity === 'string' ? ANYBODY : identity, address: addressOf(request) };
    return { spendAudio: (ms) => spendAudio(client, ms), demands: client.principal.settings };
  };
}
