// Where Redis is: one server, one that Sentinels know, or a cluster, all from a URL.
import { StoreError } from '../store-error.js';

const DEFAULT_PORT = 6_379;
const DEFAULT_SENTINEL_PORT = 26_379;

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server; the Sentinels; or some nodes of the cluster. */
  readonly hosts: readonly [RedisHost, ...RedisHost[]];
  /** Name under which the Sentinels know the master. */
  readonly master: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  readonly isEncrypted: boolean;
}

const ADDRESS =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?#]+)(?<path>(?:\/[^/?#]*)*)$/;
const HOST = /^(?:\[(?<v6>[0-9a-f:.]+)\]|(?<name>[^:[\]]+))(?::(?<port>\d{1,5}))?$/i;

/**
 * Reads `redis://user:password@host:6379/0`, `redis+sentinel://host:26379,host/MASTER/0` or
 * `redis+cluster://host:6379,host`; with `rediss` in place of `redis` over TLS. User and password are those of Redis,
 * and of the Sentinels, percent-encoded. @throws StoreError `store_unavailable`, without the password
 */
export function redisAddress(url: string): RedisAddress {
  const parts = ADDRESS.exec(url)?.groups;
  const kind = (parts?.['kind'] ?? 'single') as RedisAddress['kind'];
  const defaultPort = kind === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT;
  const [first, ...more] = (parts?.['hosts'] ?? '').split(',').map((host) => hostIn(host, defaultPort));
  const path = (parts?.['path'] ?? '').split('/').filter((part) => part !== '');
  const master = kind === 'sentinel' ? path.shift() : '';
  const [database = '0', ...rest] = path;
  const isRight =
    rest.length === 0 && /^\d+$/.test(database) && (kind !== 'cluster' || database === '0') && master !== undefined;
  if (first === undefined || more.includes(undefined) || (kind === 'single' && more.length > 0) || !isRight) {
    throw new StoreError(
      'store_unavailable',
      '--redis-url is not the address of a Redis: expected redis://HOST:PORT/DATABASE, ' +
        'redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DATABASE or redis+cluster://HOST:PORT,HOST:PORT.',
    );
  }
  return {
    kind,
    hosts: [first, ...more.filter((host) => host !== undefined)],
    master,
    username: decoded(parts?.['user']),
    password: decoded(parts?.['password']),
    database: Number(database),
    isEncrypted: parts?.['scheme'] === 'rediss',
  };
}

/** For people: hosts and ports, without the password. */
export function placeOf({ hosts, master }: RedisAddress): string {
  const places = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  return master === '' ? places : `${places} (${master})`;
}

function hostIn(text: string, defaultPort: number): RedisHost | undefined {
  const parts = HOST.exec(text)?.groups;
  const host = parts?.['v6'] ?? parts?.['name'];
  return host === undefined ? undefined : { host, port: Number(parts?.['port'] ?? defaultPort) };
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
