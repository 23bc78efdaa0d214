// Deepgram's Flux at `/v2/listen`: which connections it takes.
import { randomUUID } from 'node:crypto';
import type { Dialect, DialectAdmission } from '../../../../gateway/dialect.js';
import { credentialOf, publicSubprotocol } from '../../../../access/credentials.js';
import type { UpgradeRequest } from '../../../../transport/transport.js';
import { SUBPROTOCOLS, type ListenDialectOptions } from '../dialect.js';
import { deepgramRefusal, deepgramUnavailable, requireScope } from '../http-errors.js';
import { FluxConversation } from './conversation.js';
import { readFluxOptions } from './flux-options.js';

export const FLUX_PATH = '/v2/listen';

/**
 * Whether a client is Deepgram's SDK for Python 5, whose readers of turns refuse every field that they do not know (up
 * to 5.3.2). It says so itself.
 */
function isStrictReader(request: UpgradeRequest): boolean {
  return (
    request.header('x-fern-sdk-name') === 'deepgram' &&
    request.header('x-fern-language') === 'Python' &&
    request.header('x-fern-sdk-version').startsWith('5.')
  );
}

export function createFluxDialect({ authorizer, model, decode }: ListenDialectOptions): Dialect {
  const { languages } = model;
  return {
    name: 'deepgram-flux',
    paths: [FLUX_PATH],
    admit: (request): DialectAdmission => {
      const requestId = randomUUID();
      try {
        const principal = requireScope(authorizer.identify(credentialOf(request)), 'stream');
        const flux = readFluxOptions(request.query, languages);
        return {
          accepted: true,
          principal,
          subprotocol: publicSubprotocol(request.subprotocols, SUBPROTOCOLS),
          headers: { 'dg-request-id': requestId },
          converse: (peer, createSession) =>
            new FluxConversation({
              peer,
              createSession,
              flux,
              languages,
              requestId,
              decode,
              isStrict: isStrictReader(request),
            }),
        };
      } catch (error) {
        return { accepted: false, response: deepgramRefusal(error, requestId) };
      }
    },
    unavailable: deepgramUnavailable,
    overQuota: (message) => ({
      event: { type: 'Error', sequence_id: 1, code: 'TOO_MANY_REQUESTS', description: message },
      close: { code: 1008, reason: `TOO_MANY_REQUESTS: ${message}` },
    }),
  };
}
