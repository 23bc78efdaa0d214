// Bounds of what one key, one address and all together may have or spend: shares of a whole, so that nobody takes it
// all.
import { CodedError } from '@sotto/protocol';
import { isLoopback } from '../http/hosts.js';

/** Whose share it is: a client, or what of it is kept. */
export interface QuotaHolder {
  readonly principal: { readonly keyId: string | undefined };
  readonly address: string;
}

/** 0: no bound. */
export interface QuotaBounds {
  readonly perKey: number;
  /** Of clients on other machines: those of this one have no address to tell them apart by. */
  readonly perAddress: number;
  readonly total: number;
}

/** A bound is reached. `setting` names it. */
export class QuotaError extends CodedError<'quota_exceeded'> {
  override readonly name = 'QuotaError';
  readonly retryAfterMs: number;

  constructor(what: string, whose: keyof QuotaBounds, retryAfterMs: number) {
    const of = { perKey: 'This key has', perAddress: 'This address has', total: 'All clients together have' }[whose];
    super('quota_exceeded', `${of} used up what it may: ${what}.`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** What is held for a while: streams, uploads. */
export class Shares {
  readonly #held = new Map<string, number>();
  /** For people, with the unit. */
  readonly what: string;
  readonly #bounds: QuotaBounds;

  constructor(what: string, bounds: QuotaBounds) {
    this.what = what;
    this.#bounds = bounds;
  }

  /** Takes one, and returns what gives it back (once). @throws QuotaError */
  take(client: QuotaHolder): () => void {
    const holders = holdersOf(client);
    for (const { key, whose } of holders) {
      const most = this.#bounds[whose];
      if (most > 0 && this.held(key) >= most) throw new QuotaError(`${most} ${this.what}`, whose, RETRY_MS);
    }
    for (const { key } of holders) this.#held.set(key, this.held(key) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      for (const { key } of holders) this.#giveBack(key);
    };
  }

  private held(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  #giveBack(key: string): void {
    const left = this.held(key) - 1;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }
}

/**
 * What is spent and comes back with time: audio a day, bytes a second. Counted in windows that begin with the first
 * use.
 */
export class Allowance {
  /** For people, with the unit and the time. */
  readonly what: string;
  readonly #windowMs: number;
  readonly #bounds: QuotaBounds;
  /** Milliseconds that only grow. */
  readonly #now: () => number;

  readonly #spent = new Map<string, { until: number; amount: number }>();

  constructor(what: string, windowMs: number, bounds: QuotaBounds, now: () => number) {
    this.what = what;
    this.#windowMs = windowMs;
    this.#bounds = bounds;
    this.#now = now;
  }

  /** @throws QuotaError, and nothing is spent */
  spend(client: QuotaHolder, amount: number): void {
    const now = this.#now();
    const holders = holdersOf(client).filter(({ whose }) => this.#bounds[whose] > 0);
    for (const { key, whose } of holders) {
      const { until, amount: spent } = this.#window(key, now);
      const most = this.#bounds[whose];
      if (spent + amount > most) throw new QuotaError(`${most} ${this.what}`, whose, Math.max(1, until - now));
    }
    for (const { key } of holders) this.#window(key, now).amount += amount;
  }

  #window(key: string, now: number): { until: number; amount: number } {
    const known = this.#spent.get(key);
    if (known !== undefined && known.until > now) return known;
    if (this.#spent.size >= HOLDERS_MAX) this.#forgetOver(now);
    const fresh = { until: now + this.#windowMs, amount: 0 };
    this.#spent.set(key, fresh);
    return fresh;
  }

  /** Those whose time is over; where that is nobody, the oldest. */
  #forgetOver(now: number): void {
    for (const [key, { until }] of this.#spent) if (until <= now) this.#spent.delete(key);
    for (const key of this.#spent.keys()) {
      if (this.#spent.size < HOLDERS_MAX) return;
      this.#spent.delete(key);
    }
  }
}

/** Keys and addresses that one allowance remembers. */
const HOLDERS_MAX = 100_000;
/** When to try again where something must first be given back, milliseconds. */
const RETRY_MS = 5_000;

/** Under which names a client counts. */
function holdersOf({ principal, address }: QuotaHolder): readonly { key: string; whose: keyof QuotaBounds }[] {
  return [
    ...(principal.keyId === undefined ? [] : [{ key: `key ${principal.keyId}`, whose: 'perKey' } as const]),
    ...(address === '' || isLoopback(address) ? [] : [{ key: `address ${address}`, whose: 'perAddress' } as const]),
    { key: 'total', whose: 'total' },
  ];
}
