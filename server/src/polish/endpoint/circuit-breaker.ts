// Keeps calls from what is down: after some failures in a row nobody tries for a while, then one does.
// The pattern of Nygard, Release It! (2007): closed, open, half open.

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** How long it stays open, milliseconds; doubled each time the trial fails, up to the second figure. */
  readonly openMs: number;
  readonly openMsMax: number;
  readonly now?: () => number;
}

export const BREAKER_DEFAULTS = { failuresMax: 3, openMs: 5_000, openMsMax: 60_000 } as const satisfies BreakerOptions;

export class CircuitBreaker {
  readonly #options: BreakerOptions;
  readonly #now: () => number;
  #failures = 0;
  #openings = 0;
  #openUntil = 0;
  #isTrying = false;

  constructor(options: Partial<BreakerOptions> = {}) {
    this.#options = { ...BREAKER_DEFAULTS, ...options };
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether a call may be tried now. */
  get allows(): boolean {
    if (this.#failures < this.#options.failuresMax) return true;
    return !this.#isTrying && this.#now() >= this.#openUntil;
  }

  /** A call begins; only while it {@link allows}. While it is open this is the one trial. */
  begin(): void {
    if (this.#failures >= this.#options.failuresMax) this.#isTrying = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#isTrying = false;
  }

  /** Returns true when this failure opens it. */
  failed(): boolean {
    const wasTrying = this.#isTrying;
    this.#isTrying = false;
    this.#failures++;
    const { failuresMax, openMs, openMsMax } = this.#options;
    // Calls that began before it opened tell nothing new.
    const isOpen = this.#failures > failuresMax && this.#now() < this.#openUntil && !wasTrying;
    if (this.#failures < failuresMax || isOpen) return false;
    this.#openUntil = this.#now() + Math.min(openMsMax, openMs * 2 ** this.#openings);
    this.#openings++;
    return true;
  }

  /** A call ended that tells nothing. */
  gaveUp(): void {
    this.#isTrying = false;
  }
}
