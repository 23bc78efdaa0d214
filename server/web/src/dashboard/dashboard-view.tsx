// The operator's panel: how the server is, the last hour, who speaks now, the keys.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { PageControls } from '../view/page-controls.js';
import { Charts } from './charts.js';
import { Controls } from './controls.js';
import { KeyTable } from './key-table.js';
import { NodeTable } from './node-table.js';
import { connection, panel, unlock, type Panel } from './panel-data.js';
import { SessionTable } from './session-table.js';
import { durationText, gigabytes } from './texts.js';
import { PANEL_WORDS } from './words.js';
import { serverAddress } from '../server-address.js';

export function DashboardView(): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const state = connection.value;
  const view = panel.value;
  return (
    <>
      <header class="head">
        <a class="wordmark" href={serverAddress()}>
          Sotto
        </a>
        <p class="server" data-state={state === 'live' ? 'ready' : 'gone'} role="status">
          <span class="dot" aria-hidden="true" />
          <span class="server-text">
            {state === 'live' && view ? (view.isPaused ? t.controls.paused : view.status) : t.connections[state]}
          </span>
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
            <Charts view={view} />
            <SessionTable view={view} />
            <NodeTable view={view} />
            <Controls view={view} />
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
    [t.facts.room, t.room(view.room.streams, view.room.by)],
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
