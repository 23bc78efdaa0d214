// Metrics as Prometheus reads them, and what a session's messages make of them.
import t from 'tap';
import { createGatewayMetrics } from '../../../server/src/metrics/gateway-metrics.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import { SessionMeter } from '../../../server/src/metrics/session-meter.js';

t.test('exposition: counters, labels, gauges and histograms', async (t) => {
  const registry = new MetricsRegistry();
  registry.counter('plain_total', 'A count.').add(2);
  const labelled = registry.counter('labelled_total', 'By kind.\nWith "care".', 'kind');
  labelled.add();
  labelled.add(3, 'a"b\\c\nd');
  registry.gauge('level', 'A level.', () => 1.5);
  registry.labelledGauge('held', 'By process.', 'process', () => new Map([['server', 2]]));
  const histogram = registry.histogram('latency_seconds', 'A latency.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  t.equal(
    registry.expose(),
    [
      '# HELP plain_total A count.',
      '# TYPE plain_total counter',
      'plain_total 2',
      '# HELP labelled_total By kind.\\nWith "care".',
      '# TYPE labelled_total counter',
      'labelled_total{kind=""} 1',
      'labelled_total{kind="a\\"b\\\\c\\nd"} 3',
      '# HELP level A level.',
      '# TYPE level gauge',
      'level 1.5',
      '# HELP held By process.',
      '# TYPE held gauge',
      'held{process="server"} 2',
      '# HELP latency_seconds A latency.',
      '# TYPE latency_seconds histogram',
      'latency_seconds_bucket{le="0.1"} 2',
      'latency_seconds_bucket{le="1"} 3',
      'latency_seconds_bucket{le="+Inf"} 4',
      `latency_seconds_sum ${0.05 + 0.1 + 0.5 + 7}`,
      'latency_seconds_count 4',
      '',
    ].join('\n'),
  );
  t.throws(() => registry.counter('plain_total', 'Again.'), { message: 'The metric plain_total exists already.' });
});

t.test('a session is measured by its messages', async (t) => {
  const metrics = createGatewayMetrics(new MetricsRegistry(), { connections: () => 0, detached: () => 0 });
  t.teardown(() => metrics.close());
  const meter = new SessionMeter(metrics);
  const partial = { type: 'partial', segmentId: 4, stable: '', startMs: 0, endMs: 0, lagMs: 0 } as const;
  meter.observe({ type: 'speechStarted', segmentId: 4, startMs: 0 }, 1_000);
  meter.observe({ ...partial, revision: 1, tentative: '' }, 1_200);
  meter.observe({ ...partial, revision: 2, tentative: 'word' }, 1_400);
  meter.observe({ ...partial, revision: 3, tentative: 'word two' }, 1_800);
  meter.observe({ type: 'speechEnded', segmentId: 4, endMs: 0 }, 2_000);
  const final = { type: 'final', segmentId: 4, reason: 'endpoint', text: '', startMs: 0, endMs: 0 } as const;
  meter.observe({ ...final, language: 'en', avgLogprob: 0, noSpeechProb: 0 }, 2_250);
  meter.observe({ type: 'ack', offset: 0, lagMs: 120 }, 3_000);
  meter.observe({ type: 'error', code: 'offset_gap', message: '', retryable: false, fatal: false }, 3_000);
  t.same([metrics.firstPartialLatency.count, metrics.firstPartialLatency.sum], [1, 0.4], 'the first one with text');
  t.same([metrics.finalLatency.count, metrics.finalLatency.sum], [1, 0.25]);
  t.same([metrics.lag.count, metrics.lag.sum], [1, 0.12]);
  t.equal(metrics.errors.value('offset_gap'), 1);
});
