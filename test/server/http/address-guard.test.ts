// What counts as the public internet, over whole address spaces.
import * as fc from 'fast-check';
import t from 'tap';
import { AddressGuard, AddressListError } from '../../../server/src/http/outbound/address-guard.js';
import { holds } from '../../support/property.js';

/** IPv4 networks that no client may reach (RFC 6890 and its followers): first address and prefix length. */
const CLOSED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const guard = new AddressGuard();

const word = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
const hex = (value: number): string => `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;

/** Addresses within the closed networks, edges included. */
const closedV4 = fc.constantFrom(...CLOSED_V4).chain(([first, bits]) => {
  const size = 2 ** (32 - bits);
  return fc.oneof(fc.constantFrom(0, size - 1), fc.nat(size - 1)).map((offset) => dotted(word(first) + offset));
});
const isClosedV4 = (value: number): boolean =>
  CLOSED_V4.some(
    ([first, bits]) => Math.floor(value / 2 ** (32 - bits)) === Math.floor(word(first) / 2 ** (32 - bits)),
  );

/** The ways to write an IPv4 address within an IPv6 one. */
const wrappings = (address: string): string[] => {
  const tail = hex(word(address));
  return [`::ffff:${address}`, `::ffff:${tail}`, `0:0:0:0:0:FFFF:${tail}`, `64:ff9b::${tail}`, `64:ff9b::${address}`];
};

/** The same address as browsers and inet_aton read it: one number, octal, hexadecimal, fewer parts. */
const written = (address: string): string[] => {
  const value = word(address);
  const parts = address.split('.').map(Number);
  return [
    String(value),
    `0x${value.toString(16)}`,
    parts.map((part) => `0${part.toString(8)}`).join('.'),
    parts.map((part) => `0x${part.toString(16)}`).join('.'),
    `${parts[0]}.${value % 2 ** 24}`,
    `${address}.`,
  ];
};

t.test('IPv4: closed networks are closed, however they are wrapped', async (t) => {
  holds(
    t,
    fc.property(closedV4, (address) => [address, ...wrappings(address)].every((text) => !guard.allowsAddress(text))),
  );
});

t.test('IPv4: a public address is open, also mapped and behind NAT64', async (t) => {
  // Small blocks that are reserved besides: anycast relays and AS112.
  const special = ['192.88.99.', '192.175.48.', '192.31.196.', '192.52.193.'];
  const open = fc
    .nat(2 ** 32 - 1)
    .filter((value) => !isClosedV4(value) && !special.some((start) => dotted(value).startsWith(start)));
  holds(
    t,
    fc.property(open, (value) =>
      [dotted(value), ...wrappings(dotted(value))].every((text) => guard.allowsAddress(text)),
    ),
  );
});

t.test('IPv4: as a URL writes it, in octal, hexadecimal or as one number, it is the same address', async (t) => {
  holds(
    t,
    fc.property(closedV4, (address) =>
      // As safeFetch does: the URL parser makes one form of all.
      written(address).every((host) => !guard.allowsAddress(new URL(`http://${host}/`).hostname)),
    ),
  );
});

t.test('IPv6: only global unicast is open, and not the special blocks within it', async (t) => {
  const group = fc.nat(0xffff).map((value) => value.toString(16));
  const tail = fc.array(group, { minLength: 7, maxLength: 7 }).map((groups) => groups.join(':'));
  const outside = fc.nat(0xffff).filter((first) => first >>> 13 !== 1 && first !== 0x64);
  holds(
    t,
    fc.property(outside, tail, (first, rest) => !guard.allowsAddress(`${first.toString(16)}:${rest}`)),
  );
  holds(
    t,
    fc.property(fc.integer({ min: 0x2400, max: 0x25ff }), tail, (first, rest) =>
      guard.allowsAddress(`${first.toString(16)}:${rest}`),
    ),
  );
  const closed = ['::', '::1', '::7f00:1', '::127.0.0.1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'fc00::1', 'fd12::1'];
  closed.push('ff02::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1', '64:ff9b:1::1');
  for (const address of closed) t.notOk(guard.allowsAddress(address), address);
  t.ok(guard.allowsAddress('2606:4700:4700::1111'));
});

t.test('anything that is no address is closed', async (t) => {
  for (const text of ['', 'localhost', 'example.com', '1.2.3.4.5', '[::1]', 'ü', '999.1.1.1'])
    t.notOk(guard.allowsAddress(text), text);
  holds(
    t,
    fc.property(fc.string(), (text) => typeof guard.allowsAddress(text) === 'boolean'),
  );
});

t.test('the operator opens addresses, networks and names', async (t) => {
  const own = new AddressGuard(['10.1.0.0/16', '127.0.0.1', 'fd00::/8', '::1', 'Hooks.Internal.', 'localhost']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.1', 'fd00::7', '::1', '1.1.1.1'])
    t.ok(own.allowsAddress(address), address);
  for (const address of ['10.2.0.0', '127.0.0.2', 'fc00::1', '::2', '169.254.169.254'])
    t.notOk(own.allowsAddress(address), address);
  for (const name of ['hooks.internal', 'HOOKS.internal.', 'localhost']) t.ok(own.allowsName(name), name);
  for (const name of ['internal', 'x.hooks.internal', 'example.com']) t.notOk(own.allowsName(name), name);
  t.ok(AddressGuard.of(' 10.1.0.0/16 ,, hooks.internal').allowsAddress('10.1.0.1'));
  t.notOk(AddressGuard.of('').allowsAddress('10.1.0.1'));
  for (const entry of ['', ' ', 'http://x', '10.0.0.0/33', 'a b', '-x'])
    t.throws(() => new AddressGuard([entry]), AddressListError, `"${entry}"`);
});
