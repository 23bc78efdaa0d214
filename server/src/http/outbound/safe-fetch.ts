// HTTP requests to URLs that clients give (audio to fetch, callbacks, webhooks): never into the private network, always
// bounded.
import { CodedError } from '@sotto/protocol';
import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { AddressGuard } from './address-guard.js';

/**
 * Codes of {@link SafeFetchError}:
 * - `invalid_url`: no http or https URL.
 * - `address_refused`: it leads to an address that may not be reached.
 * - `unreachable`: the name is unknown, nobody listens there, or the connection broke.
 * - `timed_out`: the whole exchange took longer than its bound.
 * - `too_large`: the body is larger than its bound.
 * - `too_many_redirects`: it leads on and on.
 */
export type SafeFetchErrorCode =
  | 'invalid_url'
  | 'address_refused'
  | 'unreachable'
  | 'timed_out'
  | 'too_large'
  | 'too_many_redirects';

/** The other end cannot be asked, or does not answer well. The message may be told to the client. */
export class SafeFetchError extends CodedError<SafeFetchErrorCode> {
  override readonly name = 'SafeFetchError';

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.code === 'unreachable' || this.code === 'timed_out';
  }
}

export interface SafeFetchOptions {
  readonly guard: AddressGuard;
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** Lower-case names. Sent to the first host only, not to where it redirects. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The whole exchange, redirects and body included, milliseconds. Beyond: `timed_out`. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body. Beyond: `too_large`, at once where its length is told beforehand. */
  readonly bytesMax: number;
  /** Redirects that are followed; 0: a redirect is an answer like any other. Default: 5 for GET, else 0. */
  readonly redirectsMax?: number;
  readonly signal?: AbortSignal;
  /** What turns names into addresses. Default: the system. */
  readonly resolve?: LookupFunction;
}

export interface SafeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where the answer came from in the end. */
  readonly url: URL;
  /** The body, to be read once. Throws {@link SafeFetchError}, or the reason of the caller's signal. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops the connection, with what was not read. May be called twice. */
  discard(): void;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const REDIRECTS_MAX = 5;

/**
 * Asks a URL. Every host on the way, of redirects too, is checked; a name is checked by the addresses that it resolves
 * to, and the connection goes to one of exactly those, so that a name that changes in between (DNS rebinding) gains
 * nothing. Rejects with {@link SafeFetchError}, or with the reason of `signal`.
 */
export async function safeFetch(target: string | URL, options: SafeFetchOptions): Promise<SafeResponse> {
  const { method = 'GET', redirectsMax = method === 'GET' ? REDIRECTS_MAX : 0 } = options;
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  let url = parse(target);
  let { headers = {} } = options;
  for (let redirects = 0; ; redirects++) {
    const response = await ask(url, { ...options, method, headers }, signal);
    const location = response.headers.location;
    if (redirectsMax === 0 || location === undefined || !REDIRECTS.has(response.statusCode ?? 0)) {
      return answer(url, response, options, signal);
    }
    response.destroy();
    if (redirects >= redirectsMax) throw new SafeFetchError('too_many_redirects', 'The URL redirects too often.');
    const next = parse(location, url);
    if (next.origin !== url.origin) headers = {};
    url = next;
  }
}

/** Reads a body of up to `bytesMax` bytes as text. */
export async function readText({ body }: SafeResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
}

/**
 * Refuses what can be seen to be wrong before anything is asked: no URL, or an address that may not be reached. Throws
 * {@link SafeFetchError}.
 */
export function refuseUrl(target: string | URL, guard: AddressGuard): void {
  refuseHost(parse(target), guard);
}

function parse(target: string | URL, base?: URL): URL {
  const url = URL.canParse(String(target), base?.href) ? new URL(target, base) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new SafeFetchError('invalid_url', 'Expected an http or https URL.');
  }
  return url;
}

/**
 * The host of a URL, unless it is an address that may not be reached: that needs no resolving, so that `lookup` would
 * never be asked.
 */
function refuseHost(url: URL, guard: AddressGuard): string {
  // The URL parser has turned 0x7f.1 and 2130706433 into 127.0.0.1.
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  if (isIP(host) !== 0 && !guard.allowsAddress(host)) throw refused(host);
  return host;
}

function ask(
  url: URL,
  { guard, method, headers, body, resolve = resolveName }: SafeFetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const host = refuseHost(url, guard);
  const request: RequestOptions = {
    method: method ?? 'GET',
    headers: { 'user-agent': 'Sotto', 'accept-encoding': 'identity', ...headers },
    lookup: guard.allowsName(host) ? resolve : guardedLookup(guard, resolve),
    // A connection of its own: none that was opened under other rules is used again.
    agent: false,
    signal,
  };
  return new Promise((resolveResponse, reject) => {
    const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, request, resolveResponse);
    sent.on('error', (error) => reject(failure(error, url, signal)));
    sent.end(body);
  });
}

/** Resolves a name and keeps the addresses that may be reached; fails where there is none. */
function guardedLookup(guard: AddressGuard, resolve: LookupFunction): LookupFunction {
  return (name, options, callback) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const all: readonly LookupAddress[] =
        typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
      const reachable = all.filter(({ address }) => guard.allowsAddress(address));
      const [first] = reachable;
      if (first === undefined) return callback(refused(name), []);
      if (options.all === true) callback(null, reachable);
      else callback(null, first.address, first.family);
    });
  };
}

function answer(
  url: URL,
  response: IncomingMessage,
  { bytesMax }: SafeFetchOptions,
  signal: AbortSignal,
): SafeResponse {
  if (Number(response.headers['content-length'] ?? 0) > bytesMax) {
    response.destroy();
    throw tooLarge(bytesMax);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    url,
    body: bounded(response, bytesMax, url, signal),
    discard: () => void response.destroy(),
  };
}

async function* bounded(
  response: IncomingMessage,
  bytesMax: number,
  url: URL,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) throw tooLarge(bytesMax);
      yield chunk;
    }
  } catch (error) {
    throw failure(error, url, signal);
  } finally {
    response.destroy();
  }
}

function refused(host: string): SafeFetchError {
  return new SafeFetchError(
    'address_refused',
    `${host} is not an address of the public internet: this server may not ask it.`,
  );
}

function tooLarge(bytesMax: number): SafeFetchError {
  return new SafeFetchError('too_large', `The answer has more than ${bytesMax} bytes.`);
}

function failure(error: unknown, url: URL, signal: AbortSignal): unknown {
  if (error instanceof SafeFetchError) return error;
  if (signal.aborted) {
    const { reason } = signal as { reason: unknown };
    const isTimeout = reason instanceof DOMException && reason.name === 'TimeoutError';
    return isTimeout
      ? new SafeFetchError('timed_out', `${url.host} did not answer in time.`, { cause: error })
      : reason;
  }
  return new SafeFetchError('unreachable', `${url.host} cannot be reached.`, { cause: error });
}
