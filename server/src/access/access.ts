// Who may use the server: tells by a key or token who a request comes from.
import { credentialOf, type Carrier } from './credentials.js';
import type { KeyRing } from './key-ring.js';
import { ANYBODY, type Identity, type Principal } from './principal.js';
import type { Tokens } from './tokens.js';

/** `auto`: keys are demanded once one was made. */
export type KeyPolicy = 'auto' | 'required';

export interface AccessOptions {
  readonly policy: KeyPolicy;
  /** Undefined: there is no store to keep keys in. */
  readonly ring: KeyRing | undefined;
  readonly tokens: Tokens;
  readonly hasLostKeys?: boolean;
}

/** Decides about keys, at once. */
export interface Authorizer {
  /** Who has this key or token. */
  identify(credential: string | undefined): Identity;
  /** Whether what a principal was given still holds: its key may have been revoked since. */
  isCurrent(principal: Principal): boolean;
}

/** Everybody may come, with any key or none. */
export const ALLOW_ALL: Authorizer = { identify: () => ANYBODY, isCurrent: () => true };

export class Access implements Authorizer {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Whether keys were made that cannot be read now: then nobody has one, and they are demanded all the same. */
  get hasLostKeys(): boolean {
    return this.#options.hasLostKeys === true;
  }

  /** Whether a key was ever made. */
  get hasKeys(): boolean {
    return this.hasLostKeys || this.#options.ring?.hasKeys === true;
  }

  /** Whether a request without a key is turned away. */
  get isDemanded(): boolean {
    const { policy } = this.#options;
    return policy === 'required' || this.hasKeys;
  }

  identify(credential: string | undefined): Identity {
    if (!this.isDemanded) return ANYBODY;
    if (credential === undefined) return 'missing';
    const key = this.#options.ring?.find(credential);
    if (key !== undefined) {
      const { id: keyId, name: keyName, settings } = key;
      return { keyId, keyName, settings, scopes: new Set(key.scopes), isLasting: true };
    }
    const token = this.#options.tokens.read(credential);
    if (typeof token === 'string') return token;
    const issuer = this.#options.ring?.get(token.keyId ?? '');
    if (issuer === undefined) return 'unknown';
    const { id: keyId, name: keyName, settings } = issuer;
    return { keyId, keyName, settings, scopes: new Set(token.scopes), isLasting: false, token: token.limits };
  }

  isCurrent({ keyId }: Principal): boolean {
    if (!this.isDemanded) return true;
    return keyId !== undefined && this.#options.ring?.get(keyId) !== undefined;
  }

  /** Who a request comes from. */
  of(request: Carrier): Identity {
    return this.identify(credentialOf(request));
  }
}
