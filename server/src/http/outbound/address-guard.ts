// Which addresses a URL that a client gave may lead to: the public internet, and what the operator allows.
import { CodedError } from '@sotto/protocol';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/**
 * Global unicast, the only IPv6 space that is routed (RFC 4291, 2.4); IPv4-compatible addresses (`::127.0.0.1`) and the
 * like lie outside.
 */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** The well-known prefix of NAT64 (RFC 6052, 2.1), whose last 32 bits are the IPv4 address that is reached. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/** An entry of the operator's list is no address, network or host name. */
export class AddressListError extends CodedError<'invalid_address_list'> {
  override readonly name = 'AddressListError';

  constructor(entry: string) {
    super(
      'invalid_address_list',
      `"${entry}" is not an address (10.0.0.7), a network (10.0.0.0/8) or a host name (hooks.internal).`,
    );
  }
}

/** Decides about host names and addresses; made once from the operator's list. */
export class AddressGuard {
  readonly #names = new Set<string>();
  readonly #networks: Network[] = [];

  /**
   * `allowed`: addresses, networks and host names that may be reached though they are not public. Throws
   * {@link AddressListError}.
   */
  constructor(allowed: readonly string[] = []) {
    for (const entry of allowed) this.#allow(entry);
  }

  /** From a comma-separated list, as a setting has it. Throws {@link AddressListError}. */
  static of(list: string): AddressGuard {
    return new AddressGuard(
      list
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    );
  }

  /** Whether the operator allows a host by its name, wherever that leads. */
  allowsName(name: string): boolean {
    return this.#names.has(normalName(name));
  }

  /** Whether an address may be reached. Anything that is no address may not. */
  allowsAddress(text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return isPublic(address) || this.#networks.some((network) => matches(address, network));
  }

  #allow(entry: string): void {
    if (ipaddr.isValidCIDR(entry)) this.#networks.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.isValid(entry)) this.#networks.push(single(ipaddr.process(entry)));
    else if (/^[a-z\d_]([a-z\d._-]*[a-z\d_])?\.?$/i.test(entry)) this.#names.add(normalName(entry));
    else throw new AddressListError(entry);
  }
}

/** Whether an address (IPv4-mapped ones already unwrapped) is one of the public internet, also behind NAT64. */
function isPublic(address: Address): boolean {
  if (!isIPv6(address)) return address.range() === 'unicast';
  if (address.match(NAT64)) return isPublic(new ipaddr.IPv4(address.toByteArray().slice(12)));
  return address.range() === 'unicast' && address.match(GLOBAL_UNICAST);
}

function isIPv6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === 'ipv6';
}

function matches(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}

function single(address: Address): Network {
  return [address, isIPv6(address) ? 128 : 32];
}

function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
