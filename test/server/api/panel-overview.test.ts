// What the panel is told of several processes behind one port.
import t from 'tap';
import {
  mergeOverviews,
  overviewOf,
  type Overview,
  type OverviewOptions,
} from '../../../server/src/api/panel/overview.js';
import type { HistorySample } from '../../../server/src/metrics/metric-history.js';
import { LiveSessions } from '../../../server/src/metrics/live-sessions.js';

const sample = (at: number, of: number): HistorySample => ({
  at,
  gauges: { streams: of, waiting: 40, stretch: of },
  rates: { opened: of, requests: of, errors: 0, windows: 90, runs: 3, busy: 0.5 },
  latencies: { final: { p50: of / 10, p95: of } },
  errors: { overloaded: of },
});

function overview(samples: readonly HistorySample[], errors: Record<string, number>): Overview {
  const options: OverviewOptions = {
    status: () => ({ status: 'ready', connections: 5 }),
    store: () => 'ok',
    server: { version: '1', connectionsMax: 100 },
    model: { name: 'm' },
    live: new LiveSessions(),
    history: { since: () => samples, latest: samples.at(-1) },
    nodes: () => [],
    engines: () => [{ device: 'cuda:0', isUp: true }],
    gpus: () => [],
    errors: () => Object.entries(errors),
    showsWords: false,
    pausing: { isPaused: false },
    swap: undefined,
  };
  return { ...overviewOf(options, 0), sessionCount: 5 };
}

t.test('one process is told of as it is', async (t) => {
  const own = overview([sample(10_000, 2)], {});
  t.equal(mergeOverviews(own, []), own);
});

t.test('several are added up, but for what they share; of latencies the worst is told', async (t) => {
  const own = overview([sample(10_000, 2), sample(15_000, 2)], { overloaded: 1 });
  const other = overview([sample(12_000, 3), sample(30_000, 9)], { overloaded: 2, internal: 1 });
  const merged = mergeOverviews(own, [other]);
  t.match(merged, {
    connections: 10,
    connectionsMax: 200,
    sessionCount: 10,
    errors: { overloaded: 3, internal: 1 },
    room: { streams: 5, by: 'engines' },
  });
  t.same(merged.history, [
    {
      at: 10_000,
      gauges: { streams: 5, waiting: 40, stretch: 3 },
      rates: { opened: 5, requests: 5, errors: 0, windows: 90, runs: 3, busy: 0.5 },
      latencies: { final: { p50: 0.3, p95: 3 } },
      errors: { overloaded: 5 },
    },
    {
      at: 15_000,
      gauges: { streams: 5, waiting: 40, stretch: 3 },
      rates: { opened: 5, requests: 5, errors: 0, windows: 90, runs: 3, busy: 0.5 },
      latencies: { final: { p50: 0.3, p95: 3 } },
      errors: { overloaded: 5 },
    },
  ]);
});
