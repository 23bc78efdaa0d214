// Short-lived tokens for browsers: JSON Web Tokens, signed with a key of this server (EdDSA over Ed25519, RFC 8037).
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  verify,
  type KeyObject,
} from 'node:crypto';
// Not the whole library: what encrypts and fetches keys is most of it.
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { decodeJwt } from 'jose/jwt/decode';
import { SignJWT } from 'jose/jwt/sign';
import * as v from 'valibot';
import type { KeyValueStore } from '../store/key-value-store.js';
import { SCOPES, type Scope } from './api-key.js';
import type { TokenLimits } from './principal.js';

/** How long a token lives, milliseconds. Opened sessions may outlive it. */
export const TOKEN_TTL_MS = { default: 60_000, min: 1_000, max: 3_600_000 } as const;

const SIGNING_KEY = 'tokenKey';
const ISSUER = 'sotto';
const CHARS_MAX = 2_048;
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const Claims = v.object({
  iss: v.literal(ISSUER),
  jti: v.string(),
  sub: v.optional(v.string()),
  /** Seconds since 1970, as the standard has it. */
  exp: v.number(),
  scope: v.array(v.picklist(SCOPES)),
  audioMs: v.optional(v.number()),
  polish: v.boolean(),
});

export interface TokenWish {
  readonly keyId: string | undefined;
  readonly scopes: readonly Scope[];
  readonly ttlMs: number;
  readonly audioMsMax?: number | undefined;
  readonly polish: boolean;
}

export interface ReadToken {
  readonly keyId: string | undefined;
  readonly scopes: readonly Scope[];
  readonly limits: TokenLimits;
}

export class Tokens {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #wallNow: () => number;

  private constructor(privateKey: KeyObject, wallNow: () => number) {
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
    this.#wallNow = wallNow;
  }

  /**
   * The signing key is made where the store has none; without a store tokens end with the process. Rejects with
   * StoreError.
   */
  static async open(store: KeyValueStore | undefined, wallNow: () => number = Date.now): Promise<Tokens> {
    const fresh = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
    const change = { map: 'meta', key: SIGNING_KEY, value: fresh } as const;
    const kept = await store?.get('meta', SIGNING_KEY);
    // Of nodes that start together one makes it.
    if (store !== undefined && kept === undefined) await store.commit([change], [{ ...change, value: undefined }]);
    const key = kept ?? (await store?.get('meta', SIGNING_KEY)) ?? fresh;
    return new Tokens(createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' }), wallNow);
  }

  /** `expiresAt`: milliseconds since 1970. */
  async mint({ keyId, scopes, ttlMs, audioMsMax, polish }: TokenWish): Promise<{ text: string; expiresAt: number }> {
    const expiresAt = Math.ceil((this.#wallNow() + ttlMs) / 1_000) * 1_000;
    const claims = { scope: [...scopes], polish, ...(audioMsMax !== undefined && { audioMs: audioMsMax }) };
    const token = new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
      .setIssuer(ISSUER)
      .setJti(randomUUID())
      .setExpirationTime(expiresAt / 1_000);
    if (keyId !== undefined) token.setSubject(keyId);
    return { text: await token.sign(this.#privateKey), expiresAt };
  }

  /** At once, since an upgrade is answered at once: jose reads, the signature is checked by Node. */
  read(text: string): ReadToken | 'unknown' | 'expired' {
    if (text.length > CHARS_MAX || !FORM.test(text) || !this.#isSigned(text)) return 'unknown';
    const claims = v.safeParse(Claims, decodeJwt(text));
    if (!claims.success) return 'unknown';
    const { jti, sub, exp, scope, audioMs, polish } = claims.output;
    const expiresAt = exp * 1_000;
    if (expiresAt <= this.#wallNow()) return 'expired';
    return { keyId: sub, scopes: scope, limits: { id: jti, expiresAt, audioMsMax: audioMs, polish } };
  }

  #isSigned(text: string): boolean {
    const end = text.lastIndexOf('.');
    const signature = Buffer.from(text.slice(end + 1), 'base64url');
    return isEdDsa(text) && verify(null, Buffer.from(text.slice(0, end)), this.#publicKey, signature);
  }
}

/** Nothing else is taken, `none` above all. */
function isEdDsa(text: string): boolean {
  try {
    return decodeProtectedHeader(text).alg === 'EdDSA';
  } catch {
    return false;
  }
}

/** Whether a text has the form of a token. */
export function looksLikeToken(text: string): boolean {
  return text.length <= CHARS_MAX && FORM.test(text);
}
