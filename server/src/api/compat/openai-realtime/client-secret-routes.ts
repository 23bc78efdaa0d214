// Client secrets: short-lived keys with which a browser opens a session, with the settings that its server chose.
import * as v from 'valibot';
import type { HttpRequest } from '../../../http/exchange.js';
import { readJson } from '../../../http/json.js';
import type { Route } from '../../../http/router.js';
import { credentialOf } from '../../../access/credentials.js';
import type { Issuer, TemporaryKeys } from '../temporary-keys.js';
import { newId } from './events.js';
import { OpenAiHttpError, openAiHandler, openAiJson, requireScope } from './http-errors.js';
import { defaultConfig, updateConfig, type ConfigDefaults, type SessionConfig } from './session-config.js';
import { fromBeta, sessionView } from './session-views.js';

const BODY_BYTES_MAX = 16_384;
/** Seconds that a secret lives where the client does not say. */
const LIFETIME_S = 600;

const Lifetime = v.nullish(
  v.object({
    anchor: v.optional(v.literal('created_at')),
    seconds: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(7_200))),
  }),
);
export const SecretRequest = v.object({ expires_after: Lifetime, session: v.optional(v.unknown()) });
export const BetaRequest = v.looseObject({ client_secret: v.nullish(v.object({ expires_at: Lifetime })) });

export interface ClientSecretOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly defaults: ConfigDefaults;
}

export function clientSecretRoutes(options: ClientSecretOptions): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/realtime/client_secrets',
      handle: openAiHandler(async ({ request }) => {
        const { expires_after: lifetime, session } = await read(request, SecretRequest, options);
        const secret = await issue(options, request, session, lifetime?.seconds);
        const view = sessionView({ ...secret, id: newId('sess'), isBeta: false });
        return openAiJson(200, { value: secret.value, expires_at: secret.expiresAt, session: view });
      }),
    },
    {
      method: 'POST',
      path: '/v1/realtime/transcription_sessions',
      handle: openAiHandler(async ({ request }) => {
        const { client_secret: wanted, ...session } = await read(request, BetaRequest, options);
        const secret = await issue(options, request, fromBeta(session), wanted?.expires_at?.seconds);
        const view = sessionView({ ...secret, id: newId('sess'), isBeta: true });
        return openAiJson(200, { ...view, client_secret: { value: secret.value, expires_at: secret.expiresAt } });
      }),
    },
  ];
}

/** The body of a request whose key may give out others; an empty body is an empty object. */
async function read<const S extends v.GenericSchema>(
  request: HttpRequest,
  schema: S,
  options: ClientSecretOptions,
): Promise<v.InferOutput<S>> {
  issuerOf(request, options);
  if (request.header('content-length') === '0') return v.parse(schema, {});
  return readJson(request, schema, { bytesMax: BODY_BYTES_MAX });
}

function issuerOf(request: HttpRequest, { keys }: ClientSecretOptions): Issuer {
  const principal = requireScope(keys.identifyLasting(credentialOf(request)), 'stream');
  return { principal, address: request.remoteAddress };
}

/** A secret for sessions with these settings; times are seconds since 1970. */
async function issue(
  options: ClientSecretOptions,
  request: HttpRequest,
  session: unknown,
  lifetime: number | null | undefined,
) {
  const { keys, defaults } = options;
  const result = updateConfig(defaultConfig(defaults), session ?? {}, defaults);
  if ('error' in result) throw new OpenAiHttpError(400, result.error);
  const seconds = lifetime ?? LIFETIME_S;
  const { value, expiresAt } = await keys.issueToAll(seconds * 1_000, result.config, issuerOf(request, options));
  const expires = Math.floor(expiresAt / 1_000);
  return { value, expiresAt: expires, config: result.config, now: expires - seconds };
}
