// Temporary tokens for browsers, and the check of a key.
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import type { HttpResponse } from '../../../http/exchange.js';
import { jsonResponse } from '../../../http/json-response.js';
import { readJson } from '../../../http/json.js';
import type { Route } from '../../../http/router.js';
import { credentialOf } from '../../../access/credentials.js';
import type { TemporaryKeys } from '../temporary-keys.js';
import { deepgramHandler, requirePrincipal, requireScope } from './http-errors.js';

/** Seconds that a token lives where the client does not say: enough to open a stream, which may then outlive it. */
const LIFETIME_S = 30;
const BODY_BYTES_MAX = 4_096;

export const GrantRequest = v.object({
  ttl_seconds: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3_600)), LIFETIME_S),
});

export function authRoutes(keys: TemporaryKeys): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/auth/grant',
      handle: deepgramHandler(async ({ request }) => {
        const principal = requireScope(keys.identifyLasting(credentialOf(request)), 'stream');
        const isEmpty = request.header('content-length') === '0' || request.header('content-type') === '';
        const { ttl_seconds: seconds } = isEmpty
          ? v.parse(GrantRequest, {})
          : await readJson(request, GrantRequest, { bytesMax: BODY_BYTES_MAX });
        const { value } = await keys.issueToAll((seconds ?? LIFETIME_S) * 1_000, undefined, {
          principal,
          address: request.remoteAddress,
        });
        return answer({ access_token: value, expires_in: seconds });
      }),
    },
    {
      method: 'GET',
      path: '/v1/auth/token',
      handle: deepgramHandler(({ request }) => {
        requirePrincipal(keys.identify(credentialOf(request)));
        return answer({ scopes: ['usage:write'] });
      }),
    },
  ];
}

function answer(body: unknown): HttpResponse {
  return jsonResponse(200, body, { 'dg-request-id': randomUUID() });
}
