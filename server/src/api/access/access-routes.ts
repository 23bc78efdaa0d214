// Keys over HTTP for admins, and tokens for browsers.
import * as v from 'valibot';
import type { Authorizer } from '../../access/access.js';
import { AccessError } from '../../access/access-error.js';
import { KEY_ID, SCOPES, type KeyRecord, type KeyWish } from '../../access/api-key.js';
import { KEY_SETTINGS } from '../../access/key-settings.js';
import type { KeyRing } from '../../access/key-ring.js';
import { may, type Principal } from '../../access/principal.js';
import { TOKEN_TTL_MS, type Tokens } from '../../access/tokens.js';
import type { HttpRequest } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, readJson } from '../../http/json.js';
import type { Route } from '../../http/router.js';
import { answeringStore } from '../store-routes.js';
import { callerOf, demanding } from './callers.js';

const BODY_BYTES_MAX = 4_096;
/** A key may have lists of names and terms. They stay in memory. */
const KEY_BYTES_MAX = 32_768;
const AUDIO_MS_MAX = 24 * 3_600_000;

const scopes = v.pipe(
  v.array(v.picklist(SCOPES, `one of ${SCOPES.join(', ')}`), 'a list of scopes'),
  v.minLength(1, 'at least one scope'),
  v.maxLength(SCOPES.length),
);

export const KeyRequest = v.object({
  name: v.optional(v.pipe(v.string('a text'), v.maxLength(100, 'at most 100 characters')), ''),
  scopes: v.optional(scopes, ['stream', 'files', 'watch']),
  /** What holds for every transcript of the key: sessions and requests add to it, and take nothing away. */
  settings: v.optional(v.object(KEY_SETTINGS)),
});

export const TokenRequest = v.object({
  scopes: v.optional(scopes, ['stream']),
  ttlMs: v.optional(
    v.pipe(
      v.number('a number'),
      v.integer('a whole number'),
      v.minValue(TOKEN_TTL_MS.min, `at least ${TOKEN_TTL_MS.min}`),
      v.maxValue(TOKEN_TTL_MS.max, `at most ${TOKEN_TTL_MS.max}`),
    ),
    TOKEN_TTL_MS.default,
  ),
  /** Audio of all its sessions together. */
  audioMsMax: v.optional(
    v.pipe(
      v.number('a number'),
      v.integer('a whole number'),
      v.minValue(1_000, 'at least 1000'),
      v.maxValue(AUDIO_MS_MAX, `at most ${AUDIO_MS_MAX}`),
    ),
  ),
  polish: v.optional(v.boolean('true or false'), true),
});

export interface AccessRoutesOptions {
  readonly access: Authorizer;
  /** Undefined: there is no store to keep keys in. */
  readonly ring: KeyRing | undefined;
  readonly tokens: Tokens;
}

export function accessRoutes({ access, ring, tokens }: AccessRoutesOptions): Route[] {
  return [...demanding(access, 'admin', keyRoutes(ring)), tokenRoute(access, tokens)];
}

/** The first key is made by the command: where no key is demanded nobody is an admin. */
function keyRoutes(ring: KeyRing | undefined): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/keys',
      handle: () => jsonResponse(200, { keys: kept(ring).list().map(keyJson) }, NO_STORE),
    },
    {
      method: 'POST',
      path: '/v1/keys',
      handle: answeringStore(async ({ request }) => {
        const wanted = await readJson(request, KeyRequest, { bytesMax: KEY_BYTES_MAX });
        const { record, text } = await created(kept(ring), wanted);
        return jsonResponse(201, { ...keyJson(record), key: text }, NO_STORE);
      }),
    },
    {
      method: 'DELETE',
      path: '/v1/keys/:id',
      handle: answeringStore(async ({ params: { id = '' } }) => {
        if (KEY_ID.test(id) && (await kept(ring).revoke(id))) return { status: 204, contentType: '', body: '' };
        throw new HttpError(404, 'key_unknown', 'There is no such key: the id is wrong, or it was revoked.');
      }),
    },
  ];
}

function tokenRoute(access: Authorizer, tokens: Tokens): Route {
  return {
    method: 'POST',
    path: '/v1/tokens',
    handle: async ({ request }) => {
      const principal = issuerOf(access, request);
      const wish = await readJson(request, TokenRequest, { bytesMax: BODY_BYTES_MAX });
      const missing = wish.scopes.find((scope) => scope === 'admin' || !may(principal, scope));
      if (missing !== undefined) {
        throw new HttpError(403, 'forbidden', `A token with the scope "${missing}" is not for this key to give out.`);
      }
      const { text, expiresAt } = await tokens.mint({ keyId: principal.keyId, ...wish });
      return jsonResponse(201, { token: text, expiresAt: new Date(expiresAt).toISOString() }, NO_STORE);
    },
  };
}

/** Tokens give out no tokens. */
function issuerOf(access: Authorizer, request: HttpRequest): Principal {
  const principal = callerOf(access, request, 'stream');
  if (principal.isLasting) return principal;
  throw new HttpError(403, 'forbidden', 'A token gives out no tokens: a key does.');
}

const NO_STORE = { 'cache-control': 'no-store' };

function kept(ring: KeyRing | undefined): KeyRing {
  if (ring !== undefined) return ring;
  throw new HttpError(503, 'keys_unavailable', 'This server has no store to keep keys in.');
}

async function created(ring: KeyRing, wanted: KeyWish) {
  try {
    return await ring.create(wanted);
  } catch (cause) {
    if (!(cause instanceof AccessError)) throw cause;
    throw new HttpError(503, cause.code, cause.message, {}, { cause });
  }
}

function keyJson({ id, name, scopes: allowed, settings, createdAt, revokedAt }: KeyRecord) {
  return { id, name, scopes: allowed, settings, createdAt: iso(createdAt), revokedAt: iso(revokedAt) };
}

function iso(wallMs: number | undefined): string | undefined {
  return wallMs === undefined ? undefined : new Date(wallMs).toISOString();
}
