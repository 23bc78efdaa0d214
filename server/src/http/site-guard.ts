// Who may talk to the server out of a browser: by which names it is called, and which pages may make it do something.
import type { RequestHead } from './exchange.js';
import { hostnameOf, isLoopback } from './hosts.js';
import { HttpError } from './http-error.js';

export interface SiteRules {
  /** Where the server listens. */
  readonly host: string;
  /** Further names by which a server on this machine is called. */
  readonly allowedHosts: readonly string[];
  /** Origins whose pages may call; `*`: all. */
  readonly corsOrigins: readonly string[];
  /** Whether what a proxy at this address says of its clients is believed. Default: nobody. */
  readonly isTrustedProxy?: (address: string) => boolean;
}

/** Methods that change nothing (RFC 9110, 9.2.1): what they answer is protected by CORS. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Two attacks start in the browser of an honest person. A page whose name is made to lead to 127.0.0.1 (DNS rebinding)
 * reads what a server there answers: so a server on this machine answers to the names of this machine only. And a page
 * of any origin may send forms and open WebSockets: so these are taken from the server's own pages and from
 * `corsOrigins` only. Programs send no `Origin` and are not affected.
 */
export class SiteGuard {
  readonly #rules: SiteRules;
  readonly #isHere: boolean;

  constructor(rules: SiteRules) {
    this.#rules = rules;
    this.#isHere = isLoopback(rules.host);
  }

  /** @returns 403 `host_not_allowed` or `origin_not_allowed`; undefined: the request may go on. */
  refusal(head: RequestHead, isUpgrade = false): HttpError | undefined {
    if (this.#isHere && !this.#knowsHost(head.header('host'))) return HOST_NOT_ALLOWED;
    const isActing = isUpgrade || !SAFE_METHODS.has(head.method);
    return isActing && !this.#isOwnPage(head) ? ORIGIN_NOT_ALLOWED : undefined;
  }

  #knowsHost(header: string): boolean {
    // A browser cannot leave it out.
    if (header === '') return true;
    const name = hostnameOf(header);
    return isLoopback(name) || this.#rules.allowedHosts.some((allowed) => allowed.toLowerCase() === name);
  }

  #isOwnPage(head: RequestHead): boolean {
    const origin = head.header('origin');
    const site = head.header('sec-fetch-site');
    const { corsOrigins } = this.#rules;
    if (corsOrigins.includes('*') || corsOrigins.includes(origin)) return true;
    // The browser's own word (Fetch Metadata): no page can set this header, nor `Origin`.
    if (site === 'same-origin') return true;
    if (origin === '') return site === '' || site === 'none';
    return this.#calledAs(head).includes(hostOf(origin));
  }

  /** By what name and port the browser called: behind a proxy that it trusts, what that says. */
  #calledAs(head: RequestHead): string[] {
    const host = head.header('host').toLowerCase();
    const forwarded = head.header('x-forwarded-host').split(',')[0]?.trim().toLowerCase() ?? '';
    return forwarded !== '' && this.#rules.isTrustedProxy?.(head.remoteAddress) === true ? [host, forwarded] : [host];
  }
}

/**
 * Name and port of an origin, as the `Host` header of a request to it has them; never what a host can be called where
 * it is none.
 */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host || '(none)' : '(none)';
}

const HOST_NOT_ALLOWED = new HttpError(
  403,
  'host_not_allowed',
  'A server that listens on this machine only answers to localhost, 127.0.0.1 and [::1]. To call it by another name, ' +
    'start it with --allowed-hosts NAME.',
);

const ORIGIN_NOT_ALLOWED = new HttpError(
  403,
  'origin_not_allowed',
  'Pages of other origins may not do this. To let them, start the server with --cors-origins https://the.page.example.',
);
