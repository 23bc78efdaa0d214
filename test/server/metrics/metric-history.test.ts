// The last hour in memory, GPU readings, and the list of live sessions.
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { GpuReadings, parseGpuLine } from '../../../server/src/metrics/gpu-readings.js';
import { LiveSession, LiveSessions } from '../../../server/src/metrics/live-sessions.js';
import { LatencySpread, spreadQuantile } from '../../../server/src/metrics/latency-spread.js';
import { HISTORY_SAMPLES_MAX, MetricHistory } from '../../../server/src/metrics/metric-history.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';

t.test('gauges as they are, counters by the second, latencies of the last minute', async (t) => {
  const registry = new MetricsRegistry();
  let open = 3;
  registry.gauge('sotto_connections', '', () => open);
  const errors = registry.counter('sotto_errors_total', '', 'code');
  const finals = registry.histogram('sotto_final_latency_seconds', '', [0.1, 0.2, 1]);
  const history = new MetricHistory(registry, () => errors.entries());
  errors.add(100, 'a');
  finals.observe(0.9);
  history.sample(10_000);
  open = 5;
  errors.add(4, 'a');
  errors.add(6, 'b');
  for (let i = 0; i < 20; i++) finals.observe(0.15);
  history.sample(15_000);
  history.sample(20_000);
  const [first, second, third] = history.since(0);
  t.match(first, { at: 10_000, gauges: { streams: 3 }, rates: { errors: 0 } }, 'what was before is not of this time');
  t.match(second, { gauges: { streams: 5 }, rates: { errors: 2 } });
  t.strictSame(second?.errors, { a: 0.8, b: 1.2 });
  t.strictSame(third?.errors, {}, 'none came');
  t.ok(Math.abs((second?.latencies.final?.p50 ?? 0) / 0.15 - 1) < 0.026);
  t.ok(Math.abs((second?.latencies.final?.p95 ?? 0) / 0.15 - 1) < 0.026);
  t.strictSame(third?.latencies.final, second?.latencies.final, 'still of the last minute');
  t.same(
    history.since(15_000).map(({ at }) => at),
    [20_000],
  );
  for (let i = 1; i < 12; i++) history.sample(20_000 + 5_000 * i);
  t.equal(history.latest?.latencies.final, undefined, 'nothing came for a minute');
  for (let i = 0; i < HISTORY_SAMPLES_MAX + 10; i++) history.sample(90_000 + i);
  t.equal(history.since(0).length, HISTORY_SAMPLES_MAX, 'bounded');
});

t.test('a gauge that a reading resets is left to the scrape', async (t) => {
  const registry = new MetricsRegistry();
  let reads = 0;
  registry.gauge('resets', '', () => ++reads, true);
  registry.snapshot();
  t.equal(reads, 0);
  registry.expose();
  t.equal(reads, 1);
});

t.test('percentiles of any values are told within 2.6 %, of none not at all', async (t) => {
  const values = Array.from({ length: 2_000 }, (_, i) => 0.002 * 1.004 ** i);
  const spread = new LatencySpread();
  t.equal(spreadQuantile(spread.counts, 0.5), undefined);
  for (const value of values) spread.observe(value);
  for (const share of [0.01, 0.5, 0.95, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1] ?? 0;
    t.ok(Math.abs((spreadQuantile(spread.counts, share) ?? 0) / exact - 1) < 0.026, `${share}`);
  }
  const before = spread.counts;
  spread.observe(0);
  t.equal(spreadQuantile(spread.counts, 0.5, before), 0, 'of what came since');
  spread.observe(1e9);
  t.ok((spreadQuantile(spread.counts, 1, before) ?? 0) > 100);
});

t.test('readings of GPUs', async (t) => {
  t.strictSame(parseGpuLine('1, NVIDIA H200, 57, 20480, 143771, 41, 330.12'), {
    index: 1,
    name: 'NVIDIA H200',
    busy: 0.57,
    memoryUsedBytes: 20_480 * 2 ** 20,
    memoryBytes: 143_771 * 2 ** 20,
    celsius: 41,
    watts: 330.12,
  });
  t.match(parseGpuLine('0, Old, [N/A], 1, 2, 3, [N/A]'), { busy: 0, watts: 0 });
  t.equal(parseGpuLine('NVIDIA-SMI has failed'), undefined);

  const absent = new GpuReadings('sotto-no-such-tool');
  await new Promise(setImmediate);
  t.strictSame(absent.latest, []);
  await absent.close();

  const tool = join(await mkdtemp(join(tmpdir(), 'sotto-gpu-')), 'nvidia-smi');
  await writeFile(tool, '#!/bin/sh\necho "0, A, 10, 1, 2, 3, 4"\necho "1, B, 20, 1, 2, 3, 4"\nexec sleep 60\n');
  await chmod(tool, 0o755);
  const readings = new GpuReadings(tool);
  t.teardown(() => readings.close());
  while (readings.latest.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(readings.latest, [{ name: 'A', busy: 0.1 }, { name: 'B' }]);
});

t.test('a session by what it sends', async (t) => {
  let ended = 0;
  const session = new LiveSession('s', 1_000, 'key', () => ended++);
  for (let second = 0; second < 100; second++) {
    session.observe({ type: 'ack', offset: 1, lagMs: second }, second * 1_000);
    session.observe({ type: 'ack', offset: 1, lagMs: second + 0.4 }, second * 1_000 + 500);
  }
  const view = session.view(false);
  t.match(view, { id: 's', startedAt: 1_000, keyId: 'key', lagMs: 99, finals: 0 });
  t.equal(view.lags.length, 60, 'bounded, one a second');
  t.notOk('words' in view, 'what people say is shown only where it is allowed');
  t.equal(session.view(true).words, '');
  const sessions = new LiveSessions();
  sessions.add(session);
  t.equal([...sessions.first(10)].length, 1);
  sessions.get('s')?.end();
  t.equal(ended, 1);
  sessions.remove('s');
  t.equal(sessions.size, 0);
});
