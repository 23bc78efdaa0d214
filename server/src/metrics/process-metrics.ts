// The numbers of a process that holds sockets, or the queue: its age, its memory, and how late its event loop is.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricsRegistry } from './metrics-registry.js';

const EVENT_LOOP_RESOLUTION_MS = 10;
const EVENT_LOOP_MS_MIN = 5_000;

/** Measures from now on, until it is closed. */
export function registerProcessMetrics(registry: MetricsRegistry): { close(): void } {
  const loopDelay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  loopDelay.enable();
  let measuredFrom = performance.now();
  let measuredBefore = 0;
  registry.gauge('sotto_uptime_seconds', 'Time since the process started.', () => process.uptime());
  registry.gauge('sotto_resident_memory_bytes', 'Resident memory of the server process.', () =>
    process.memoryUsage.rss(),
  );
  registry.gauge(
    'sotto_event_loop_delay_p99_seconds',
    'Event loop delay (99th percentile) since the last scrape, and over 5 s at least.',
    () => {
      const seconds = Math.max(0, loopDelay.percentile(99) / 1e9 - EVENT_LOOP_RESOLUTION_MS / 1_000);
      const now = performance.now();
      // One who scrapes all the time does not take the measurement away from the others.
      if (now - measuredFrom < EVENT_LOOP_MS_MIN) return Math.max(seconds, measuredBefore);
      loopDelay.reset();
      measuredFrom = now;
      measuredBefore = seconds;
      return seconds;
    },
    true,
  );
  return { close: () => loopDelay.disable() };
}
