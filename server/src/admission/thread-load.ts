// Whether this thread, which holds all sockets, has been full for some time: what waits for it then waits longer and
// longer.
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

export interface ThreadLoadOptions {
  readonly clock?: Pick<Clock, 'every'>;
  /** Share of the time since the last call in which the event loop was busy, 0-1. Default: Node's own measure. */
  readonly busyShare?: () => number;
}

export class ThreadLoad {
  #fullInARow = 0;
  readonly #stop: () => void;

  constructor({ clock = systemClock, busyShare = eventLoopShare() }: ThreadLoadOptions = {}) {
    this.#stop = clock.every(SAMPLE_MS, () => {
      this.#fullInARow = busyShare() >= FULL ? this.#fullInARow + 1 : 0;
    });
  }

  /** One second in which it had time to spare ends it. */
  get isFull(): boolean {
    return this.#fullInARow >= SAMPLES;
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
