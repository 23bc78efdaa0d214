// Who calls one of Sotto's own addresses, and whether the address is open to them.
import type { Scope } from '../../access/api-key.js';
import type { Authorizer } from '../../access/access.js';
import { credentialOf } from '../../access/credentials.js';
import { permitted, type Principal, type Refusal } from '../../access/principal.js';
import type { RequestHead } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import type { Route } from '../../http/router.js';

/** @throws HttpError 401 `unauthorized` where it is nobody, 403 `forbidden` where the scope is not open to it */
export function callerOf(access: Authorizer, request: RequestHead, scope: Scope): Principal {
  const principal = permitted(access.identify(credentialOf(request)), scope);
  if (typeof principal !== 'string') return principal;
  if (principal === 'forbidden') {
    throw new HttpError(403, 'forbidden', `The key or token does not have the scope "${scope}".`);
  }
  throw new HttpError(401, 'unauthorized', WORDS[principal], { 'www-authenticate': 'Bearer realm="sotto"' });
}

/** @throws HttpError where a key is demanded and it is no admin's */
export function checkOperator(access: Authorizer, request: RequestHead): void {
  const identity = access.identify(credentialOf(request));
  const isOpen = typeof identity !== 'string' && identity.keyId === undefined;
  if (!isOpen) callerOf(access, request, 'admin');
}

/** @throws HttpError 403 `forbidden` where its token does not allow polish */
export function checkPolish({ token }: Principal): void {
  if (token?.polish === false) throw new HttpError(403, 'forbidden', 'The token does not allow polish.');
}

const WORDS: Readonly<Record<Exclude<Refusal, 'forbidden'>, string>> = {
  missing: 'This server requires a key: Authorization: Bearer KEY. `sotto keys create` makes one.',
  unknown: 'The key or token is not known: it is wrong, or it was revoked.',
  expired: 'The token has expired.',
};

/** Routes that only those may use to whom the scope is open. */
export function demanding(access: Authorizer, scope: Scope, routes: readonly Route[]): Route[] {
  return routes.map((route) => ({
    ...route,
    handle: (call) => {
      callerOf(access, call.request, scope);
      return route.handle(call);
    },
  }));
}
