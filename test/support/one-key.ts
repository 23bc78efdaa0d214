// A server with one key, of which nothing else is known.
import type { Authorizer } from '../../server/src/access/access.js';
import { ANYBODY, type Identity } from '../../server/src/access/principal.js';

/** Everything but `key` is what `others` says. */
export function oneKey(key: string, others: Extract<Identity, string> = 'unknown'): Authorizer {
  return {
    identify: (credential) => (credential === key ? { ...ANYBODY, keyId: '0123456789' } : others),
    isCurrent: () => true,
  };
}
