// The numbers of several processes as one text.
import t from 'tap';
import { parsePrometheus } from '../../../bench/src/measure/prometheus.js';
import { mergeMetrics } from '../../../server/src/metrics/merged-metrics.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';

function exposed(requests: number, windows: number): string {
  const metrics = new MetricsRegistry();
  metrics.counter('requests_total', 'Requests.').add(requests);
  metrics.counter('errors_total', 'Errors.', 'code').add(1, 'a "b" {c} 1');
  metrics.readCounter('windows_total', 'Windows of all.', () => windows);
  metrics.histogram('lag_seconds', 'Lag.', [1]).observe(0.5);
  return metrics.expose();
}

t.test('what each has gets a label, what all share is there once', async (t) => {
  const shared = new MetricsRegistry();
  shared.readCounter('windows_total', 'Windows of all.', () => 7);
  const text = mergeMetrics([
    { process: '1', text: exposed(3, 5) },
    { process: undefined, text: shared.expose() },
    { process: '2', text: exposed(4, 6) },
  ]);
  const samples = parsePrometheus(text);
  const of = (name: string) =>
    samples.filter((sample) => sample.name === name).map(({ labels, value }) => [labels, value]);
  t.same(of('windows_total'), [[{}, 7]]);
  t.same(of('requests_total'), [
    [{ process: '1' }, 3],
    [{ process: '2' }, 4],
  ]);
  t.match(text, 'errors_total{process="2",code="a \\"b\\" {c} 1"} 1');
  t.same(of('lag_seconds_bucket').slice(0, 2), [
    [{ process: '1', le: '1' }, 1],
    [{ process: '1', le: '+Inf' }, 1],
  ]);
  const names = text.split('\n').flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  t.same(names, ['windows_total', 'requests_total', 'errors_total', 'lag_seconds'], 'each is explained once');
});

t.test('a process that told nothing is not there', async (t) => {
  const text = mergeMetrics([
    { process: '1', text: '' },
    { process: '2', text: exposed(1, 1) },
  ]);
  t.same(new Set(parsePrometheus(text).map(({ labels }) => labels['process'])), new Set(['2']));
});
