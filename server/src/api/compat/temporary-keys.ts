// The short-lived keys that the compatible interfaces give out, in front of all other keys.
import { CodedError } from '@sotto/protocol';
import { randomBytes } from 'node:crypto';
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import { ANYBODY, type Identity, type Principal } from '../../access/principal.js';

/** What {@link TemporaryKeys} gives out begins with this and is checked, also where no other key is demanded. */
export const TEMPORARY_PREFIX = 'ek_';
/**
 * Temporary keys of one key (of one address, where no key is demanded) at a time. Beyond: {@link TooManyKeysError},
 * until some have expired.
 */
export const TEMPORARY_KEYS_PER_KEY_MAX = 1_024;
/** Temporary keys of all. Beyond: who has most loses the oldest. */
export const TEMPORARY_KEYS_MAX = 16_384;

export class TooManyKeysError extends CodedError<'too_many_keys'> {
  override readonly name = 'TooManyKeysError';

  constructor() {
    super(
      'too_many_keys',
      `All ${TEMPORARY_KEYS_PER_KEY_MAX} temporary keys are in use: try again when some have expired.`,
    );
  }
}

export interface TemporaryKey<A> {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** What goes with it, such as the settings of the sessions that it opens. */
  readonly attachment: A | undefined;
  /** Who asked for it. */
  readonly issuer: Principal;
}

/** Who asks for a temporary key. */
export interface Issuer {
  readonly principal: Principal;
  readonly address: string;
}

/** The other processes on this port: clients come to any of them. */
export interface KeyPeers {
  /** Resolves when those that answer in time know the key. */
  adoptKey(key: TemporaryKey<unknown>, issuer: string): Promise<void>;
}

const NOBODY: Issuer = { principal: ANYBODY, address: '' };

/** Kept in memory: they end with the process. They open sessions, and give out no others. */
export class TemporaryKeys<A = unknown> implements Authorizer {
  readonly #keys = new Map<string, TemporaryKey<A>>();
  /** The keys of each issuer, the oldest first. */
  readonly #byIssuer = new Map<string, Set<string>>();
  readonly #others: Authorizer;
  readonly #wallNow: () => number;
  readonly #peers: KeyPeers | undefined;

  /** `others` decides about all other keys. */
  constructor(others: Authorizer = ALLOW_ALL, wallNow: () => number = Date.now, peers?: KeyPeers) {
    this.#others = others;
    this.#wallNow = wallNow;
    this.#peers = peers;
  }

  identify(key: string | undefined): Identity {
    if (key?.startsWith(TEMPORARY_PREFIX) !== true) return this.#others.identify(key);
    const known = this.#keys.get(key);
    if (known === undefined || !this.#others.isCurrent(known.issuer)) return 'unknown';
    if (known.expiresAt <= this.#wallNow()) return 'expired';
    return { keyId: known.issuer.keyId, scopes: new Set(['stream']), isLasting: false };
  }

  isCurrent(principal: Principal): boolean {
    return this.#others.isCurrent(principal);
  }

  /** As {@link identify}, for what only a lasting key may do. */
  identifyLasting(key: string | undefined): Identity {
    const identity = this.identify(key);
    return typeof identity === 'string' || identity.isLasting ? identity : 'unknown';
  }

  /** Resolves when the other processes on this port know it too. Rejects with {@link TooManyKeysError}. */
  async issueToAll(ttlMs: number, attachment: A | undefined, issuer: Issuer): Promise<TemporaryKey<A>> {
    const key = this.issue(ttlMs, attachment, issuer);
    await this.#peers?.adoptKey(key, nameOf(issuer));
    return key;
  }

  /** Throws {@link TooManyKeysError}. */
  issue(ttlMs: number, attachment?: A, from: Issuer = NOBODY): TemporaryKey<A> {
    const issuer = nameOf(from);
    if ((this.#byIssuer.get(issuer)?.size ?? 0) >= TEMPORARY_KEYS_PER_KEY_MAX) this.#forgetExpired(issuer);
    if ((this.#byIssuer.get(issuer)?.size ?? 0) >= TEMPORARY_KEYS_PER_KEY_MAX) throw new TooManyKeysError();
    const value = `${TEMPORARY_PREFIX}${randomBytes(24).toString('base64url')}`;
    const key = { value, expiresAt: this.#wallNow() + ttlMs, attachment, issuer: from.principal };
    this.adopt(key, issuer);
    return key;
  }

  /** Takes a key that another process has given out, by its issuer's name. */
  adopt(key: TemporaryKey<A>, issuer: string): void {
    if (this.#keys.size >= TEMPORARY_KEYS_MAX) this.#makeRoom();
    this.#keys.set(key.value, key);
    this.#byIssuer.set(issuer, (this.#byIssuer.get(issuer) ?? new Set()).add(key.value));
  }

  /** What goes with a key that is still valid. */
  attachmentOf(key: string | undefined): A | undefined {
    return key !== undefined && typeof this.identify(key) !== 'string' ? this.#keys.get(key)?.attachment : undefined;
  }

  #makeRoom(): void {
    for (const issuer of this.#byIssuer.keys()) this.#forgetExpired(issuer);
    if (this.#keys.size < TEMPORARY_KEYS_MAX) return;
    const [most] = [...this.#byIssuer].toSorted(([, a], [, b]) => b.size - a.size);
    const [oldest] = most?.[1] ?? [];
    if (most !== undefined && oldest !== undefined) this.#forget(most[0], oldest);
  }

  #forgetExpired(issuer: string): void {
    const now = this.#wallNow();
    for (const value of this.#byIssuer.get(issuer) ?? []) {
      if ((this.#keys.get(value)?.expiresAt ?? 0) <= now) this.#forget(issuer, value);
    }
  }

  #forget(issuer: string, value: string): void {
    this.#keys.delete(value);
    const values = this.#byIssuer.get(issuer);
    values?.delete(value);
    if (values?.size === 0) this.#byIssuer.delete(issuer);
  }
}

/** By whom temporary keys are counted. */
function nameOf({ principal, address }: Issuer): string {
  return principal.keyId ?? `address ${address}`;
}
