// Who a request comes from, and what it may open.
import { SCOPES, type Scope } from './api-key.js';
import type { KeySettings } from './key-settings.js';

export interface Principal {
  /**
   * The key that it has, or that gave out what it has: its quotas count, and what is kept belongs to it. Undefined
   * where no key is demanded.
   */
  readonly keyId: string | undefined;
  /** What its maker called that key, for people. */
  readonly keyName?: string | undefined;
  readonly scopes: ReadonlySet<Scope>;
  /** What that key demands of its transcripts. */
  readonly settings?: KeySettings | undefined;
  /** Whether it has a key itself, not what a key gave out: only that gives out tokens. */
  readonly isLasting: boolean;
  /** What a token allows no more of. */
  readonly token?: TokenLimits | undefined;
}

/** A principal on a connection. */
export interface Client {
  readonly principal: Principal;
  /** Where it comes from, as text. */
  readonly address: string;
}

export interface TokenLimits {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Audio of all its sessions and recordings together, milliseconds; undefined: as much as its key. */
  readonly audioMsMax?: number | undefined;
  /** Whether it may have texts polished. */
  readonly polish: boolean;
}

/**
 * `missing`: no key came. `unknown`: it is none (any more). `expired`: it was one. `forbidden`: it is one, and not for
 * this.
 */
export type Refusal = 'missing' | 'unknown' | 'expired' | 'forbidden';

export type Identity = Principal | Exclude<Refusal, 'forbidden'>;

/** Where no key is demanded: all but the keys themselves. */
export const ANYBODY: Principal = {
  keyId: undefined,
  scopes: new Set(SCOPES.filter((scope) => scope !== 'admin')),
  isLasting: true,
};

/** Whether it may open what the scope stands for. */
export function may({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has('admin') || scopes.has(scope);
}

/** Who it is, where the scope is open to it, or why not. */
export function permitted(identity: Identity, scope: Scope): Principal | Refusal {
  if (typeof identity === 'string') return identity;
  return may(identity, scope) ? identity : 'forbidden';
}

/**
 * Whether what belongs to `owner` is shown to it. What was kept without a key is shown where no key is demanded, and to
 * admins.
 */
export function owns(principal: Principal, owner: string | undefined): boolean {
  return principal.keyId === undefined || principal.scopes.has('admin') || principal.keyId === owner;
}
