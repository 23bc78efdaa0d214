// Keeps the server's processes within a bound of memory: what runs may hold is told before they are made, and made
// less where the bound is passed all the same.
import { totalmem } from 'node:os';
import { memoryByProcess } from '../native-host/memory-by-process.js';
import { systemClock, type Clock } from '../time/clock.js';

/** How often it looks, milliseconds. */
const LOOK_MS = 1_000;
/** Below this part of the bound runs grow again. */
const ROOMY = 0.8;
/** The least part of their ordinary size that runs are made: all of them are of one window then. */
const SHARE_MIN = 1 / 64;
/** How long engines keep what they have given back once, milliseconds. */
const SHRINK_EVERY_MS = 10_000;
/** What the server's own process takes, bytes. */
const SERVER_BYTES = 250e6;

export interface MemoryBoundOptions {
  /** Of all processes together, bytes. */
  readonly bytesMax: number;
  /** Told which part of their ordinary size runs may have from now on, 0-1. */
  readonly onShare: (share: number) => void;
  /** Asked to give back what the engines keep for runs to come. */
  readonly onFull: () => void;
  /** Bytes by process. Default: as the system tells. */
  readonly read?: () => ReadonlyMap<string, number>;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now' | 'after'>;
}

/** A quarter of the machine, or of what a container may have of it. */
export function defaultMemoryBytes(): number {
  const constrained = process.constrainedMemory();
  return Math.floor((constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()) / 4);
}

/** The part of the bound that is one engine's. */
export function memoryOfEngine(bytesMax: number, engines: number): number {
  return Math.max(0, bytesMax - SERVER_BYTES) / Math.max(1, engines);
}

export class MemoryBound {
  readonly bytesMax: number;
  readonly #options: MemoryBoundOptions;
  readonly #read: () => ReadonlyMap<string, number>;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  #share = 1;
  #shrunkAt = -Infinity;
  #stop: () => void;

  constructor(options: MemoryBoundOptions) {
    this.bytesMax = options.bytesMax;
    this.#options = options;
    this.#read = options.read ?? memoryByProcess;
    this.#clock = options.clock ?? systemClock;
    this.#stop = this.#clock.after(LOOK_MS, () => this.#look());
  }

  /** Bytes by process. */
  get held(): ReadonlyMap<string, number> {
    return this.#read();
  }

  async close(): Promise<void> {
    this.#stop();
  }

  #look(): void {
    let total = 0;
    for (const bytes of this.held.values()) total += bytes;
    if (total > this.bytesMax) this.#tighten();
    else if (total < ROOMY * this.bytesMax) this.#allow(2 * this.#share);
    this.#stop = this.#clock.after(LOOK_MS, () => this.#look());
  }

  #tighten(): void {
    this.#allow(this.#share / 2);
    const now = this.#clock.now();
    if (now - this.#shrunkAt < SHRINK_EVERY_MS) return;
    this.#shrunkAt = now;
    this.#options.onFull();
  }

  #allow(share: number): void {
    const within = Math.min(1, Math.max(SHARE_MIN, share));
    if (within === this.#share) return;
    this.#share = within;
    this.#options.onShare(within);
  }
}
