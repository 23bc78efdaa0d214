// The charts of the panel: what each draws of the last hour.
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { Chart, type Line } from './chart.js';
import { samples, type Panel, type Sample } from './panel-data.js';
import { PANEL_WORDS } from './words.js';

/** Codes of errors that have a line of their own: the most frequent ones. */
const CODES_MAX = 3;

export function Charts({ view }: { readonly view: Panel }): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const { charts, lines, units } = t;
  const latency = (name: string): Line[] => [
    { label: lines.p95, read: ({ latencies }) => latencies[name]?.p95 },
    { label: lines.p50, read: ({ latencies }) => latencies[name]?.p50 },
  ];
  const engines = Math.max(1, view.engines.length);
  return (
    <section class="charts">
      <Chart title={charts.streams} unit="" lines={[gauge('streams', lines.open), gauge('detached', lines.waiting)]} />
      <Chart title={charts.firstPartial} unit={units.seconds} lines={latency('firstPartial')} />
      <Chart title={charts.word} unit={units.seconds} lines={latency('word')} />
      <Chart title={charts.final} unit={units.seconds} lines={latency('final')} />
      <Chart title={charts.polished} unit={units.seconds} lines={latency('polished')} />
      <Chart title={charts.lag} unit={units.seconds} lines={latency('lag')} />
      <Chart
        title={charts.requests}
        unit={units.perSecond}
        lines={[rate('requests', lines.requests), rate('opened', lines.opened)]}
      />
      <Chart
        title={charts.errors}
        unit={units.perSecond}
        lines={[rate('errors', lines.all), ...frequentCodes().map(errorsOf)]}
      />
      <Chart
        title={charts.busy}
        unit="%"
        lines={[{ label: '', read: ({ rates: { busy } }) => percent(busy, engines) }]}
      />
      <Chart title={charts.windows} unit={units.perSecond} lines={[rate('windows')]} />
      <Chart title={charts.batch} unit="" lines={[{ label: '', read: batch }]} />
      <Chart title={charts.queue} unit="" lines={[gauge('waiting', lines.waiting), gauge('running', lines.runs)]} />
      <Chart title={charts.stretch} unit={units.times} lines={[gauge('stretch')]} />
      <Chart
        title={charts.files}
        unit=""
        lines={[gauge('files', lines.running), gauge('jobs', lines.jobs), gauge('jobsWaiting', lines.jobsWaiting)]}
      />
      <Chart title={charts.cache} unit="MB" lines={[megabytes('cacheBytes')]} />
      <Chart title={charts.memory} unit="MB" lines={[megabytes('memory')]} />
    </section>
  );
}

/** The codes that came most often in the last hour. */
function frequentCodes(): string[] {
  const sums = new Map<string, number>();
  for (const { errors } of samples.value) {
    for (const [code, rate] of Object.entries(errors)) sums.set(code, (sums.get(code) ?? 0) + rate);
  }
  return [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, CODES_MAX)
    .map(([code]) => code);
}

function errorsOf(code: string): Line {
  return { label: code, read: ({ errors }) => errors[code] ?? 0 };
}

function percent(busy: number | undefined, engines: number): number | undefined {
  return busy === undefined ? undefined : Math.min(100, (100 * busy) / engines);
}

function batch({ rates: { runs = 0, windows = 0 } }: Sample): number | undefined {
  return runs === 0 ? undefined : windows / runs;
}

function megabytes(name: string): Line {
  return { label: '', read: ({ gauges: { [name]: bytes } }) => (bytes === undefined ? undefined : bytes / 1e6) };
}

function gauge(name: string, label = ''): Line {
  return { label, read: ({ gauges }) => gauges[name] };
}

function rate(name: string, label = ''): Line {
  return { label, read: ({ rates }) => rates[name] };
}
