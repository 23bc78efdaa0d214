// Where a client is: its connection's other end, or what a proxy that the operator trusts says of it.
import ipaddr from 'ipaddr.js';
import { CodedError } from '@sotto/protocol';
import type { RequestHead } from '../http/exchange.js';

type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** An entry of the list of proxies is no address or network. */
export class ProxyListError extends CodedError<'invalid_proxy_list'> {
  override readonly name = 'ProxyListError';

  constructor(entry: string) {
    super(
      'invalid_proxy_list',
      `--trusted-proxies: "${entry}" is not an address (10.0.0.7) or a network (10.0.0.0/8).`,
    );
  }
}

/** IPv6 clients own whole networks of this size: they count as one (RFC 6177). */
const CLIENT_BITS = 64;

export class ClientAddresses {
  readonly #proxies: readonly Network[];

  /** @param trusted addresses and networks of proxies; throws {@link ProxyListError} */
  constructor(trusted: readonly string[] = []) {
    this.#proxies = trusted.map(networkOf);
  }

  isTrusted(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#proxies.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match([network, bits]));
  }

  /**
   * The nearest address that is no trusted proxy; what others than these write into `X-Forwarded-For` is not believed.
   */
  of({ remoteAddress, header }: Pick<RequestHead, 'remoteAddress' | 'header'>): string {
    const said = header('x-forwarded-for')
      .split(',')
      .map((entry) => entry.trim());
    let address = remoteAddress;
    while (this.isTrusted(address)) {
      const next = said.pop();
      if (next === undefined || !ipaddr.isValid(next)) break;
      address = next;
    }
    return normal(address);
  }
}

function networkOf(entry: string): Network {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  if (!ipaddr.isValid(entry)) throw new ProxyListError(entry);
  const address = ipaddr.process(entry);
  return [address, address.kind() === 'ipv6' ? 128 : 32] as Network;
}

/** One text for one client: IPv4 as such, also where it came mapped into IPv6. */
function normal(text: string): string {
  if (!ipaddr.isValid(text)) return text;
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4' || address.range() === 'loopback') return address.toString();
  const bytes = address.toByteArray().map((byte, at) => (at < CLIENT_BITS / 8 ? byte : 0));
  return `${new ipaddr.IPv6(bytes).toString()}/${CLIENT_BITS}`;
}
