// Metrics, their targets, tables, result files and comparisons.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { describeProvenance, type Provenance } from '../../bench/src/measure/machine.js';
import { timeInterleaved } from '../../bench/src/measure/interleaved.js';
import { parsePrometheus, sumOf } from '../../bench/src/measure/prometheus.js';
import { distribution } from '../../bench/src/measure/statistics.js';
import { compareResults } from '../../bench/src/report/compare-results.js';
import {
  atLeast,
  atMost,
  distributionMetric,
  meetsTarget,
  scalarMetric,
  type Metric,
} from '../../bench/src/report/metric.js';
import { markdown, publish, readResult, type Result } from '../../bench/src/report/result-file.js';
import { formatNumber, terminalTable } from '../../bench/src/report/table.js';

/** The same description, of a machine that does nothing else. */
const quiet = (provenance: Provenance): Provenance => ({
  ...provenance,
  machine: { ...provenance.machine, loadAverage: [0, 0, 0] },
});

const resultOf = (metrics: Metric[]): Result => ({
  schema: 1,
  bench: 'stream',
  provenance: quiet(describeProvenance(['stream', '--recordings', 'a folder'])),
  settings: { connections: 4 },
  metrics,
  remarks: ['Quiet machine.'],
});

t.test('meetsTarget: at most, at least, and nothing measured', async (t) => {
  const latency = distributionMetric('a', 'ms', distribution([1, 2, 3]), { target: atMost('p95', 2.5) });
  t.equal(meetsTarget(latency), false);
  t.equal(meetsTarget(scalarMetric('b', 'x', 10, { target: atLeast('value', 10) })), true);
  t.equal(meetsTarget(distributionMetric('c', 'ms', distribution([]), { target: atMost('p95', 1) })), undefined);
  t.equal(meetsTarget(scalarMetric('d', 'x', 1)), undefined);
});

t.test('terminalTable: shows values, targets and notes', async (t) => {
  const text = terminalTable([
    distributionMetric('finalLatency', 'ms', distribution([100, 200]), {
      target: atMost('p95', 150),
      note: 'from the end',
    }),
    distributionMetric('wordLatency', 'ms', distribution([])),
    scalarMetric('eventsLost', 'events', 0, { target: atMost('value', 0) }),
  ]);
  t.match(text, /finalLatency +ms +2 +100 +200 +200 +200 +p95 <= 150 MISSED/);
  t.match(text, /wordLatency +ms +0 +- +- +- +-/);
  t.match(text, /eventsLost +events +0 +<= 0 met/);
  t.match(text, / {2}finalLatency: from the end/);
});

t.test('formatNumber: three digits that matter', async (t) => {
  t.strictSame([0, 12, 0.1234, 1.234, 12.34, 123.4, -2.5].map(formatNumber), [
    '0',
    '12',
    '0.123',
    '1.23',
    '12.3',
    '123',
    '-2.50',
  ]);
});

t.test('publish: what is written can be read again, with the command that makes it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-bench-'));
  t.teardown(() => rm(folder, { recursive: true }));
  t.capture(process.stdout, 'write');
  const result = resultOf([scalarMetric('memory', 'MiB', 12.5)]);
  const out = join(folder, 'new/stream.json');
  await publish(result, out);
  t.strictSame(await readResult(out), result, 'a quiet machine needs no remark');
  const busy = {
    ...result,
    provenance: { ...result.provenance, machine: { ...result.provenance.machine, loadAverage: [9, 8, 7] } },
  };
  await publish(busy, out);
  t.match((await readResult(out)).remarks, ['Quiet machine.', /load average 9 on/]);
  await publish(result, out);
  const text = markdown(await readResult(join(folder, 'new/stream.json')));
  t.match(text, "`npm run bench -- stream --recordings 'a folder'`");
  t.match(text, '| memory | MiB |');
  await t.rejects(publish(result, join(folder, 'x.txt')), { code: 'usage' });
  await writeFile(join(folder, 'other.json'), '{"schema":2}');
  await t.rejects(readResult(join(folder, 'other.json')), { code: 'bad_result' });
});

t.test('compareResults: ratios by name, with a verdict beyond the noise', async (t) => {
  const before = resultOf([
    distributionMetric('latency', 'ms', distribution([100, 100])),
    scalarMetric('speed', 'x', 10, { better: 'higher' }),
    scalarMetric('lost', 'events', 0),
    scalarMetric('gone', 'x', 1),
  ]);
  const after = resultOf([
    distributionMetric('latency', 'ms', distribution([50, 103])),
    scalarMetric('speed', 'x', 20, { better: 'higher' }),
    scalarMetric('lost', 'events', 2),
  ]);
  t.strictSame(
    compareResults(before, after).map(({ name, statistic, ratio, verdict }) => [name, statistic, ratio, verdict]),
    [
      ['latency', 'p50', 0.5, 'better'],
      ['latency', 'p95', 1.03, 'same'],
      ['latency', 'p99', 1.03, 'same'],
      ['speed', 'value', 2, 'better'],
      ['lost', 'value', undefined, 'worse'],
    ],
  );
});

t.test('parsePrometheus: samples with and without labels', async (t) => {
  const samples = parsePrometheus(
    [
      '# HELP a Things.',
      'a{type="x",code="say \\"no\\""} 2',
      'a{type="y"} 3 1700000000',
      'b_bucket{le="+Inf"} +Inf',
      'nonsense',
      '',
    ].join('\n'),
  );
  t.equal(samples.length, 3);
  t.strictSame(samples[0]?.labels, { type: 'x', code: 'say \\"no\\"' });
  t.equal(sumOf(samples, 'a'), 5);
  t.equal(sumOf(samples, 'c'), undefined);
});

t.test('timeInterleaved: cases take turns, in reversed order every other round', async (t) => {
  const order: string[] = [];
  const one = (name: string) => ({ run: async () => void order.push(name) });
  const times = await timeInterleaved([one('a'), one('b')], 3);
  t.equal(order.join(''), 'ababbaab', 'the first turn is not measured');
  t.strictSame(
    times.map(({ wallMs, cpuMs }) => [wallMs.length, cpuMs.length]),
    [
      [3, 3],
      [3, 3],
    ],
  );
});
