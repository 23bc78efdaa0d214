// Whether and when to connect again after a connection was lost: exponential backoff with full jitter, bounded.
import { CLOSE } from '@sotto/protocol/client';

/** Time as an input, so that tests need not wait. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Calls back once; returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface ReconnectOptions {
  /** Failed attempts in a row after which the session ends. Default 12 (about half a minute, at most one). */
  readonly attemptsMax?: number;
  /** Upper bound of the wait before the first attempt, milliseconds; it doubles with each one. Default 250. */
  readonly delayMs?: number;
  /** Upper bound of any wait, milliseconds. Default 8000. */
  readonly delayMsMax?: number;
  /** 0 to 1 (exclusive). Default Math.random. */
  readonly random?: () => number;
  /** Default: that of the platform. */
  readonly clock?: Clock;
}

export const RECONNECT_DEFAULTS = {
  attemptsMax: 12,
  delayMs: 250,
  delayMsMax: 8_000,
  random: Math.random,
  clock: {
    now: () => performance.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
  } satisfies Clock,
} as const;

/**
 * Counts attempts. Each wait is drawn evenly from zero to a bound that doubles ("full jitter": after an outage clients
 * come back spread out; https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class ReconnectPolicy {
  readonly clock: Clock;
  readonly #options: Required<ReconnectOptions>;
  #attempts = 0;
  #connectedAt: number | undefined;

  constructor(options: ReconnectOptions = {}) {
    this.#options = { ...RECONNECT_DEFAULTS, ...options };
    this.clock = this.#options.clock;
  }

  /** Attempts since the last progress. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The server has answered. */
  connected(): void {
    this.#connectedAt = this.clock.now();
  }

  /** The connection carries audio or words: the next loss counts from one again. */
  progressed(): void {
    this.#attempts = 0;
  }

  /**
   * The connection is lost, or could not be made: the wait before the next attempt, milliseconds; undefined: give up.
   * @param atLeastMs what the server asked for; the drawn wait comes on top, so that clients do not come back together
   */
  next(atLeastMs = 0): number | undefined {
    const { attemptsMax, delayMs, delayMsMax, random } = this.#options;
    // A server that takes connections only to drop them is not asked for ever; one that held for a while is a new
    // story.
    const heldMs = this.#connectedAt === undefined ? 0 : this.clock.now() - this.#connectedAt;
    if (heldMs > delayMsMax) this.#attempts = 0;
    this.#connectedAt = undefined;
    if (this.#attempts >= attemptsMax) return undefined;
    return atLeastMs + random() * Math.min(delayMsMax, delayMs * 2 ** this.#attempts++);
  }
}

/**
 * Whether a connection that was closed with this code may be made again; unknown codes of 4000-4999 are final (rule
 * VS3).
 */
export function mayReturn(closeCode: number): boolean {
  return Object.values(CLOSE).find(({ code }) => code === closeCode)?.retry ?? closeCode < 4_000;
}
