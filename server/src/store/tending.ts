// Looks after what is kept: what could not be written is tried again, what is due is done, what is too old goes.
import { systemClock, type Clock } from '../time/clock.js';
import type { KeyValueStore } from './key-value-store.js';
import { StoreError } from './store-error.js';
import type { StoreHealth } from './store-health.js';

/** How often it looks, milliseconds. */
const INTERVAL_MS = 1_000;
/** Of that many times, how often what is too old is looked for. */
const SWEEP_TICKS = 10;

/** A part of what is kept that wants to be looked after. */
export interface Tended {
  /** About once a second. */
  tend?(): Promise<void>;
  /** Now and then: forgets some of what is too old. */
  sweep?(): Promise<void>;
}

export class Tending {
  readonly #store: KeyValueStore;
  readonly #health: StoreHealth;
  readonly #parts: Tended[] = [];
  /** What is to be done once, and was not yet. */
  readonly #undone: (() => Promise<void>)[] = [];
  readonly #stopTicking: () => void;
  #working: Promise<void> | undefined;
  #ticks = 0;

  constructor(store: KeyValueStore, health: StoreHealth, clock: Clock = systemClock) {
    this.#store = store;
    this.#health = health;
    this.#stopTicking = clock.every(INTERVAL_MS, () => this.#tick());
  }

  add(...parts: readonly Tended[]): void {
    this.#parts.push(...parts);
  }

  /**
   * Does what is to be done once: now, or, where the store fails, each time it looks until it was done. Rejects with
   * what is no fault of the store.
   */
  async once(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#health.failed(error);
      this.#undone.push(work);
    }
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#stopTicking();
    await this.#working;
  }

  /** Never twice at a time. */
  #tick(): void {
    this.#working ??= this.#work()
      .catch((error: unknown) => this.#health.failed(error))
      .finally(() => (this.#working = undefined));
  }

  async #work(): Promise<void> {
    await this.#probe();
    for (const work of this.#undone.splice(0)) {
      if (!(await this.#tries(work))) this.#undone.push(work);
    }
    for (const part of this.#parts) await this.#tries(async () => part.tend?.());
    if (this.#ticks++ % SWEEP_TICKS !== 0) return;
    for (const part of this.#parts) await this.#tries(async () => part.sweep?.());
  }

  /** Whether it was done: where one part fails, the others are still looked after. */
  async #tries(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#health.failed(error);
      return false;
    }
  }

  /** Whether a store that failed can be written again. */
  async #probe(): Promise<void> {
    if (!this.#health.isFailing) return;
    await this.#store.commit([{ map: 'meta', key: 'probe', value: new Uint8Array() }]);
    this.#health.succeeded();
  }
}
