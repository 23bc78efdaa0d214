// Time as an input, so that what waits is tested without waiting.

export interface Clock {
  /** Milliseconds that only grow. */
  now(): number;
  /** Calls back once; returns what prevents it. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back again and again; returns what stops it. Does not keep the process alive. */
  every(intervalMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};
