// Who may see what others have said: ids are secrets, a list of them is for whoever runs the server.
import { ANYBODY, type Principal } from '../../access/principal.js';
import type { HttpRequest } from '../../http/exchange.js';
import { hostnameOf, isLoopback } from '../../http/hosts.js';
import { HttpError } from '../../http/http-error.js';

/**
 * `auto`: as `on` for programs and pages on this machine, where the server listens on this machine only; else `off`.
 */
export type Listing = 'auto' | 'on' | 'off';

export class ListingGuard {
  readonly #isOn: boolean;
  readonly #isLocalOnly: boolean;

  constructor(listing: Listing, host: string) {
    this.#isLocalOnly = listing === 'auto';
    this.#isOn = listing === 'on' || (listing === 'auto' && isLoopback(host));
  }

  /**
   * Throws HttpError 403 `listing_disabled` where the client may not list. Who has a key is shown its own in any case.
   */
  check(request: HttpRequest, { keyId }: Pick<Principal, 'keyId'> = ANYBODY): void {
    if (keyId !== undefined) return;
    if (this.#isOn && (!this.#isLocalOnly || isFromHere(request))) return;
    throw new HttpError(
      403,
      'listing_disabled',
      'This server does not list what it keeps; its operator may allow it (--listing on). One by its id is not affected.',
    );
  }
}

/**
 * A request that came through a proxy, from a page of another origin, or by a name that is made to lead here (DNS
 * rebinding) is not from this machine, though its connection is.
 */
function isFromHere(request: HttpRequest): boolean {
  const host = request.header('host');
  if (!isLoopback(hostnameOf(host))) return false;
  if (['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => request.header(name) !== '')) return false;
  const origin = request.header('origin');
  return origin === '' || (URL.canParse(origin) && new URL(origin).host === host);
}
