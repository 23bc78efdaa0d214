// How many requests may come from one address: everybody in a household or an office may share one, a machine that
// floods has one too.
import ipaddr from 'ipaddr.js';
import { TokenBucket } from './token-bucket.js';

/** Addresses that are remembered; beyond, the one that came first is forgotten. */
const ADDRESSES_MAX = 50_000;

export class AddressRate {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Addresses that it remembers. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts one request; false when it is one too many. */
  take(address: string, now: number): boolean {
    const network = networkOf(address);
    let bucket = this.#buckets.get(network);
    if (bucket === undefined) {
      if (this.#buckets.size >= ADDRESSES_MAX) this.#forgetFirst();
      bucket = new TokenBucket(this.#perSecond, now);
      this.#buckets.set(network, bucket);
    }
    return bucket.take(now);
  }

  /** Forgets those that have been quiet; called now and then. */
  check(now: number): void {
    for (const [network, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(network);
  }

  #forgetFirst(): void {
    for (const first of this.#buckets.keys()) return void this.#buckets.delete(first);
  }
}

/** One machine has a whole /64 of IPv6 (RFC 4291, 2.5.4). */
function networkOf(address: string): string {
  if (!address.includes(':') || !ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === 'ipv4' ? parsed.toString() : parsed.toByteArray().slice(0, 8).join('.');
}
