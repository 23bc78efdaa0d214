// The OpenAI Realtime API at `/v1/realtime`: which connections it takes, and with which settings they begin.
import type { Conversation, Dialect, DialectAdmission, DialectPeer } from '../../../gateway/dialect.js';
import type { UpgradeRequest } from '../../../transport/transport.js';
import { credentialOf, publicSubprotocol } from '../../../access/credentials.js';
import { ANYBODY, permitted, type Principal, type Refusal } from '../../../access/principal.js';
import type { TemporaryKeys } from '../temporary-keys.js';
import { RealtimeConversation } from './conversation.js';
import { errorEvent, invalidRequest, overQuota, type RealtimeError } from './events.js';
import { keyError, openAiJson } from './http-errors.js';
import { defaultConfig, type ConfigDefaults, type SessionConfig } from './session-config.js';

export const REALTIME_PATH = '/v1/realtime';
const SUBPROTOCOL = 'realtime';
/** What a client of the beta says of itself, in a header or a subprotocol. */
const BETA_HEADER = 'realtime=v1';
const BETA_SUBPROTOCOL = 'openai-beta.realtime-v1';
/** A `?model=` that is told in `session.created`: some clients must name one, and name that of a conversation. */
const TRANSCRIPTION_MODEL = /transcri|whisper/i;

/** OpenAI's own codes: who is not let in, and whose address makes no sense. */
const CLOSE_UNAUTHORIZED = 3000;
const CLOSE_BAD_ADDRESS = 4000;
const CLOSE_TRY_AGAIN = 1013;

export interface RealtimeDialectOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly defaults: ConfigDefaults;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly wallNow?: () => number;
}

/** Every connection is a transcription session, whatever its address says of models. */
export function createRealtimeDialect({ keys, defaults, wallNow = Date.now }: RealtimeDialectOptions): Dialect {
  return {
    name: 'openai-realtime',
    paths: [REALTIME_PATH],
    admit: (request): DialectAdmission => {
      const key = credentialOf(request);
      // All is read now: the request does not outlive this call.
      const speaksBeta = isBeta(request);
      const config = keys.attachmentOf(key) ?? initialConfig(request, defaults, speaksBeta);
      const start = { isBeta: speaksBeta, config };
      const principal = permitted(keys.identify(key), 'stream');
      const refusal = refusalOf(request, principal);
      return {
        accepted: true,
        // One that is turned away opens no session.
        principal: typeof principal === 'string' ? ANYBODY : principal,
        subprotocol: publicSubprotocol(request.subprotocols, [SUBPROTOCOL]),
        converse: (peer, createSession) =>
          refusal === undefined
            ? new RealtimeConversation({ peer, createSession, defaults, wallNow, ...start })
            : turnAway(peer, refusal),
      };
    },
    unavailable: (reason) => {
      const message = reason === 'full' ? 'All connections are taken.' : 'The server is shutting down.';
      return openAiJson(503, { error: { type: 'server_error', code: 'overloaded', message, param: null } });
    },
    overQuota: (message) => {
      const error = overQuota(message);
      return { event: errorEvent(error), close: { code: CLOSE_TRY_AGAIN, reason: `${error.type}.${error.code}` } };
    },
  };
}

interface TurnedAway {
  readonly error: RealtimeError;
  readonly close: number;
}

/** As OpenAI does it the connection is opened and then told: a browser cannot read why an upgrade was refused. */
function turnAway(peer: DialectPeer, { error, close }: TurnedAway): Conversation {
  peer.send(errorEvent(error));
  const reason = `${error.type}.${error.code}`;
  peer.end({ code: close, reason });
  return {
    receive: () => {},
    backlogMs: 0,
    onceDrained: () => {},
    check: () => {},
    fail: () => ({ code: close, reason }),
    drain: () => Promise.resolve(),
    abandon: () => {},
  };
}

function refusalOf(request: UpgradeRequest, principal: Principal | Refusal): TurnedAway | undefined {
  if (typeof principal === 'string') return { error: keyError(principal), close: CLOSE_UNAUTHORIZED };
  if (!request.query.has('call_id')) return undefined;
  const message = 'There are no calls here: connect with ?intent=transcription.';
  return { error: invalidRequest('invalid_request', message, 'call_id'), close: CLOSE_BAD_ADDRESS };
}

function isBeta({ header, subprotocols }: UpgradeRequest): boolean {
  return header('openai-beta').includes(BETA_HEADER) || subprotocols.includes(BETA_SUBPROTOCOL);
}

/** The beta has two kinds of sessions, with other names for their events: without an intent it is a conversation. */
function initialConfig({ query }: UpgradeRequest, defaults: ConfigDefaults, speaksBeta: boolean): SessionConfig {
  const model = query.get('model') ?? '';
  const config = defaultConfig(defaults, TRANSCRIPTION_MODEL.test(model) ? model : undefined);
  return speaksBeta && query.get('intent') !== 'transcription' ? { ...config, type: 'realtime' } : config;
}
