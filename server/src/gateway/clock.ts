// Time as an input of the gateway, so that its timeouts are tested without waiting.

export interface Clock {
  /** Milliseconds that only grow. */
  now(): number;
  /** Calls back again and again; returns what stops it. Does not keep the process alive. */
  every(intervalMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};
