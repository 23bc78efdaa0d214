// Whose quota the audio of a request is taken from.
import type { Authorizer } from '../../access/access.js';
import { credentialOf } from '../../access/credentials.js';
import { ANYBODY, type Client } from '../../access/principal.js';
import type { RequestHead } from '../../http/exchange.js';
import type { SpendAudio } from '../../recordings/file-transcription.js';

/** What takes audio from the quotas of a request's client; read before the request is over. */
export type Spender = (request: RequestHead) => SpendAudio;

export interface Quotas {
  /** @throws HttpError 429 `quota_exceeded` */
  readonly spendAudio: (client: Client, ms: number) => void;
  /** Where a request comes from. */
  readonly addressOf: (request: RequestHead) => string;
}

export const NO_QUOTAS: Quotas = { spendAudio: () => undefined, addressOf: ({ remoteAddress }) => remoteAddress };

export function createSpender(access: Authorizer, { spendAudio, addressOf }: Quotas): Spender {
  return (request) => {
    const identity = access.identify(credentialOf(request));
    const client = { principal: typeof identity === 'string' ? ANYBODY : identity, address: addressOf(request) };
    return (ms) => spendAudio(client, ms);
  };
}
