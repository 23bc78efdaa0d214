// Who may use the compatible interfaces: the seam for keys, and the temporary keys that Sotto gives out itself.
import { CodedError } from '@sotto/protocol';
import { randomBytes } from 'node:crypto';

/** `missing`: no key came. `unknown`: it is none. `expired`: it was one. */
export type Authorization = 'granted' | 'missing' | 'unknown' | 'expired';

/** Decides about keys, at once. */
export interface Authorizer {
  authorize(key: string | undefined): Authorization;
}

/** Everybody may come, with any key or none. */
export const ALLOW_ALL: Authorizer = { authorize: () => 'granted' };

/** What {@link TemporaryKeys} gives out begins with this and is checked, whatever the authorizer behind it says of other keys. */
export const TEMPORARY_PREFIX = 'ek_';
/** Temporary keys at a time. Beyond: {@link TooManyKeysError}, until some have expired. */
export const TEMPORARY_KEYS_MAX = 4_096;

export class TooManyKeysError extends CodedError<'too_many_keys'> {
  override readonly name = 'TooManyKeysError';

  constructor() {
    super('too_many_keys', `All ${TEMPORARY_KEYS_MAX} temporary keys are in use: try again when some have expired.`);
  }
}

export interface TemporaryKey<A> {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** What goes with it, such as the settings of the sessions that it opens. */
  readonly attachment: A | undefined;
}

/** Short-lived keys for browsers, kept in memory: they end with the process. They open sessions, and give out no others. */
export class TemporaryKeys<A = unknown> implements Authorizer {
  readonly #keys = new Map<string, TemporaryKey<A>>();
  readonly #others: Authorizer;
  readonly #wallNow: () => number;

  /** `others` decides about all other keys. */
  constructor(others: Authorizer = ALLOW_ALL, wallNow: () => number = Date.now) {
    this.#others = others;
    this.#wallNow = wallNow;
  }

  authorize(key: string | undefined): Authorization {
    if (key?.startsWith(TEMPORARY_PREFIX) !== true) return this.#others.authorize(key);
    const known = this.#keys.get(key);
    if (known === undefined) return 'unknown';
    return known.expiresAt > this.#wallNow() ? 'granted' : 'expired';
  }

  /** As {@link authorize}, for what only a lasting key may do. */
  authorizeLasting(key: string | undefined): Authorization {
    return key?.startsWith(TEMPORARY_PREFIX) === true ? 'unknown' : this.#others.authorize(key);
  }

  /** Throws {@link TooManyKeysError}. */
  issue(ttlMs: number, attachment?: A): TemporaryKey<A> {
    const now = this.#wallNow();
    if (this.#keys.size >= TEMPORARY_KEYS_MAX) this.#forgetExpired(now);
    if (this.#keys.size >= TEMPORARY_KEYS_MAX) throw new TooManyKeysError();
    const value = `${TEMPORARY_PREFIX}${randomBytes(24).toString('base64url')}`;
    const key = { value, expiresAt: now + ttlMs, attachment };
    this.#keys.set(value, key);
    return key;
  }

  /** What goes with a key that is still valid. */
  attachmentOf(key: string | undefined): A | undefined {
    return key !== undefined && this.authorize(key) === 'granted' ? this.#keys.get(key)?.attachment : undefined;
  }

  #forgetExpired(now: number): void {
    for (const { value, expiresAt } of this.#keys.values()) if (expiresAt <= now) this.#keys.delete(value);
  }
}
