// How full this thread is, which holds all sockets. Where it has been full for some time, what waits for it waits
// longer and longer.
import { performance } from 'node:perf_hooks';
import { systemClock, type Clock } from '../time/clock.js';

const SAMPLE_MS = 1_000;
/** Full in so many samples in a row, and it is no burst. */
const SAMPLES = 5;
/**
 * Share of the time in which the event loop has something to do, from which on it is full. With 600 streams on an H200
 * it was 0.90 to 0.96 and audio was judged in time in the median; with 800 it was 0.98, and seconds late.
 */
const FULL = 0.95;
/** From here down it has time to spare. */
const SPARE = 0.9;
/**
 * In a full second partials are spaced out by so much more, and in one with time to spare by so much less: quickly
 * enough to be there before streams are turned away, slowly enough not to swing.
 */
const STRETCH_MORE = 1.25;
const STRETCH_LESS = 1.1;
const STRETCH_MAX = 4;

export interface ThreadLoadOptions {
  readonly clock?: Pick<Clock, 'every'>;
  /** Share of the time since the last call in which the event loop was busy, 0-1. Default: Node's own measure. */
  readonly busyShare?: () => number;
}

export class ThreadLoad {
  #fullInARow = 0;
  #stretch = 1;
  readonly #stop: () => void;

  constructor({ clock = systemClock, busyShare = eventLoopShare() }: ThreadLoadOptions = {}) {
    this.#stop = clock.every(SAMPLE_MS, () => {
      const share = busyShare();
      this.#fullInARow = share >= FULL ? this.#fullInARow + 1 : 0;
      if (share >= FULL) this.#stretch = Math.min(STRETCH_MAX, this.#stretch * STRETCH_MORE);
      else if (share < SPARE) this.#stretch = Math.max(1, this.#stretch / STRETCH_LESS);
    });
  }

  /** One second in which it had time to spare ends it. */
  get isFull(): boolean {
    return this.#fullInARow >= SAMPLES;
  }

  /**
   * By how much partials should be spaced out for this thread's sake, 1 and more: each costs it time, also where the
   * engines have plenty.
   */
  get stretch(): number {
    return this.#stretch;
  }

  async close(): Promise<void> {
    this.#stop();
  }
}

function eventLoopShare(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
