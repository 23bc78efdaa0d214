// Metrics as Prometheus reads them, and what a session's messages make of them.
import t from 'tap';
import { createGatewayMetrics } from '../../../server/src/metrics/gateway-metrics.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import { SessionMeter } from '../../../server/src/metrics/session-meter.js';
import { WordLatency } from '../../../server/src/metrics/word-latency.js';
import { until } from '../../support/until.js';

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

t.test(
  'a word counts from its end to the first partial that has it; audio faster than speech counts for nothing',
  async (t) => {
    const metrics = createGatewayMetrics(new MetricsRegistry(), { connections: () => 0, detached: () => 0 });
    t.teardown(() => metrics.close());
    const audio = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;
    const stable = { type: 'partial', segmentId: 0, tentative: '', startMs: 0, lagMs: 0 } as const;
    const final = {
      type: 'final',
      segmentId: 0,
      reason: 'endpoint',
      text: 'so it is',
      startMs: 0,
      endMs: 1_500,
    } as const;
    const words = [word('so', 100, 400), word('it', 500, 800), word('is', 900, 1_200)];
    for (const [began, wanted] of [
      [10_000, [0.5, 0.15, 0.8]],
      [12_000, []],
    ] as const) {
      const meter = new SessionMeter(metrics);
      const before = metrics.wordLatency.sum;
      meter.received({ type: 'start', audio, words: true }, 0, began);
      meter.received({ type: 'audio', offset: 0, data: new Uint8Array(2) }, 16_000, began + 1_000);
      meter.observe({ type: 'speechStarted', segmentId: 0, startMs: 0 }, 10_500);
      meter.observe({ ...stable, revision: 1, stable: 'so it', endMs: 450 }, 10_900);
      meter.observe({ ...stable, revision: 2, stable: 'so it', endMs: 900 }, 10_950);
      meter.observe({ ...stable, revision: 3, stable: 'so', endMs: 950 }, 10_960);
      meter.observe({ ...final, words, language: 'en', avgLogprob: 0, noSpeechProb: 0 }, 12_000);
      const expected = wanted.reduce((sum, seconds) => sum + seconds, 0);
      t.ok(Math.abs(metrics.wordLatency.sum - before - expected) < 1e-6, `${metrics.wordLatency.sum - before}`);
    }
    t.equal(metrics.wordLatency.count, 3);
  },
);

t.test('what stood in the place of a word is not the word, wherever the word comes to stand', (t) => {
  const latency = new WordLatency();
  const partial = { type: 'partial', segmentId: 0, revision: 1, tentative: '', startMs: 0, lagMs: 0 } as const;
  const texts = ['So', 'So we', 'So, we meat', 'we meet on', 'so we meet on Tuesday two'];
  for (const [at, stable] of texts.entries()) latency.partial({ ...partial, stable, endMs: 5_000 }, at);
  const said = ['So', ' we', ' meet', ' on', ' Tuesday,', ' too.'].map((text) => word(text, 100, 200));
  const facts = { type: 'final', segmentId: 0, reason: 'endpoint', startMs: 0, endMs: 900, language: 'en' } as const;
  const final = { ...facts, text: said.map(({ text }) => text).join(''), words: said, avgLogprob: 0, noSpeechProb: 0 };
  t.strictSame(
    latency.final(final, 9, () => 0),
    [0, 1, 3, 3, 4, 9],
  );
  t.end();
});

t.test('who scrapes all the time sees no other event loop delay than who scrapes now and then', async (t) => {
  const registry = new MetricsRegistry();
  const metrics = createGatewayMetrics(registry, { connections: () => 0, detached: () => 0 });
  t.teardown(() => metrics.close());
  const delay = (): number => Number(/^sotto_event_loop_delay_p99_seconds (\S+)$/m.exec(registry.expose())?.[1]);
  // Once the monitor's timer runs, it is late by what comes then.
  await until(() => delay() > 0);
  const blockedUntil = performance.now() + 200;
  while (performance.now() < blockedUntil);
  await until(() => delay() > 0.1);
  const first = delay();
  t.ok(first > 0.1, `${first} s`);
  for (let i = 0; i < 100; i++) t.ok(delay() >= first);
});

function word(text: string, startMs: number, endMs: number) {
  return { text, startMs, endMs, confidence: 1 };
}
