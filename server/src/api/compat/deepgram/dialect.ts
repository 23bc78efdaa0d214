// Deepgram's live API at `/v1/listen`: which connections it takes.
import { randomUUID } from 'node:crypto';
import type { Dialect, DialectAdmission } from '../../../gateway/dialect.js';
import type { Authorizer } from '../../../access/access.js';
import { credentialOf, publicSubprotocol } from '../../../access/credentials.js';
import { deepgramRefusal, deepgramUnavailable, requireScope } from './http-errors.js';
import { streamError } from './channel-stream.js';
import { readListenOptions } from './listen-options.js';
import { LiveConversation } from './live-conversation.js';
import { modelInfo } from './model-info.js';

export const LISTEN_PATH = '/v1/listen';
export const SUBPROTOCOLS = ['token', 'bearer'];

export interface ListenDialectOptions {
  readonly authorizer: Authorizer;
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  /** 16 kHz mono out of the bytes of any audio file, as they come. */
  readonly decode: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Float32Array>;
}

export function createListenDialect({ authorizer, model, decode }: ListenDialectOptions): Dialect {
  return {
    name: 'deepgram',
    paths: [LISTEN_PATH],
    admit: (request): DialectAdmission => {
      const requestId = randomUUID();
      try {
        const principal = requireScope(authorizer.identify(credentialOf(request)), 'stream');
        const listen = readListenOptions(request.query, model.languages);
        return {
          accepted: true,
          principal,
          subprotocol: publicSubprotocol(request.subprotocols, SUBPROTOCOLS),
          headers: { 'dg-request-id': requestId },
          converse: (peer, createSession) =>
            new LiveConversation({ peer, createSession, listen, requestId, model: modelInfo(model.name), decode }),
        };
      } catch (error) {
        return { accepted: false, response: deepgramRefusal(error, requestId) };
      }
    },
    unavailable: deepgramUnavailable,
    overQuota: (message) => ({
      event: streamError('TOO_MANY_REQUESTS', message),
      close: { code: 1008, reason: `TOO_MANY_REQUESTS: ${message}` },
    }),
  };
}
