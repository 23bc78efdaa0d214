// The operator's panel: how the server is, the last hour, who speaks now, the keys.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { PageControls } from '../view/page-controls.js';
import { Chart, type Line } from './chart.js';
import { KeyTable } from './key-table.js';
import { connection, panel, unlock, type Panel, type Sample } from './panel-data.js';
import { SessionTable } from './session-table.js';
import { durationText, gigabytes } from './texts.js';
import { PANEL_WORDS } from './words.js';

export function DashboardView(): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const state = connection.value;
  const view = panel.value;
  return (
    <>
      <header class="head">
        <a class="wordmark" href="/">
          Sotto
        </a>
        <p class="server" data-state={state === 'live' ? 'ready' : 'gone'} role="status">
          <span class="dot" aria-hidden="true" />
          <span class="server-text">{state === 'live' && view ? view.status : t.connections[state]}</span>
        </p>
        <div class="head-controls">
          <PageControls />
        </div>
      </header>
      <main>
        <h1 class="unseen">{t.title}</h1>
        {state === 'locked' && <KeyForm />}
        {state === 'closed' && <p>{t.connections.closed}</p>}
        {view !== undefined && (
          <>
            <Facts view={view} />
            <Charts />
            <SessionTable view={view} />
            <KeyTable />
          </>
        )}
      </main>
    </>
  );
}

function KeyForm(): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const typed = useSignal('');
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    unlock(typed.value);
  };
  return (
    <form class="ask" onSubmit={submit}>
      <input
        type="password"
        autocomplete="off"
        aria-label={t.key}
        placeholder={t.key}
        value={typed.value}
        onInput={({ currentTarget }) => (typed.value = currentTarget.value)}
      />
      <button type="submit" class="quiet">
        {t.useKey}
      </button>
    </form>
  );
}

function Facts({ view }: { readonly view: Panel }): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const devices = view.engines.map(({ device, isUp }) => `${device} ${isUp ? '✓' : '✗'}`).join(', ');
  const errors = Object.entries(view.errors).map(([code, count]) => `${code} ${count}`);
  const { cores, load, memoryBytes, memoryFreeBytes } = view.machine;
  const facts: readonly (readonly [string, string])[] = [
    [t.facts.streams, `${view.connections} / ${view.connectionsMax}`],
    [t.facts.room, String(Math.max(0, view.connectionsMax - view.connections))],
    [t.facts.model, `${view.model} (Sotto ${view.version})`],
    [t.facts.devices, devices || t.none],
    ...view.gpus.map(
      ({ index, name, busy, memoryUsedBytes, memoryBytes: all, celsius, watts }) =>
        [
          `GPU ${index} ${name}`,
          `${Math.round(busy * 100)} %, ${gigabytes(memoryUsedBytes)} / ${gigabytes(all)}, ${celsius} °C, ${Math.round(watts)} W`,
        ] as const,
    ),
    [
      t.facts.machine,
      `${cores} × ${load.toFixed(2)}, ${gigabytes(memoryBytes - memoryFreeBytes)} / ${gigabytes(memoryBytes)}`,
    ],
    [t.facts.store, view.store],
    [t.facts.uptime, durationText(view.uptimeMs)],
    [t.facts.errors, errors.length > 0 ? errors.join(', ') : t.none],
  ];
  return (
    <dl class="facts">
      {facts.map(([label, text]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Charts(): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const { charts, lines, units } = t;
  const latency = (name: string): Line[] => [
    { label: lines.p95, read: ({ latencies }) => latencies[name]?.p95 },
    { label: lines.p50, read: ({ latencies }) => latencies[name]?.p50 },
  ];
  return (
    <section class="charts">
      <Chart title={charts.streams} unit="" lines={[gauge('streams', lines.open), gauge('detached', lines.waiting)]} />
      <Chart title={charts.firstPartial} unit={units.seconds} lines={latency('firstPartial')} />
      <Chart title={charts.final} unit={units.seconds} lines={latency('final')} />
      <Chart title={charts.lag} unit={units.seconds} lines={latency('lag')} />
      <Chart title={charts.polished} unit={units.seconds} lines={latency('polished')} />
      <Chart
        title={charts.requests}
        unit={units.perSecond}
        lines={[rate('requests', lines.requests), rate('opened', lines.opened)]}
      />
      <Chart title={charts.windows} unit={units.perSecond} lines={[rate('windows')]} />
      <Chart title={charts.batch} unit="" lines={[{ label: '', read: batch }]} />
      <Chart title={charts.stretch} unit={units.times} lines={[gauge('stretch')]} />
      <Chart title={charts.files} unit="" lines={[gauge('files', lines.running), gauge('jobs', lines.jobs)]} />
      <Chart title={charts.errors} unit={units.perSecond} lines={[rate('errors')]} />
      <Chart
        title={charts.memory}
        unit="MB"
        lines={[
          { label: '', read: ({ gauges }) => (gauges['memory'] === undefined ? undefined : gauges['memory'] / 1e6) },
        ]}
      />
    </section>
  );
}

function batch({ rates: { runs = 0, windows = 0 } }: Sample): number | undefined {
  return runs === 0 ? undefined : windows / runs;
}

function gauge(name: string, label = ''): Line {
  return { label, read: ({ gauges }) => gauges[name] };
}

function rate(name: string, label = ''): Line {
  return { label, read: ({ rates }) => rates[name] };
}
