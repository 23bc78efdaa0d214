// What a reader sees: the words, large enough, and whether they are live.
import { effect, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { readPreference, writePreference } from '../preferences.js';
import { PageControls } from '../view/page-controls.js';
import { Transcript } from '../view/transcript.js';
import { segments, stable, state, tentative, toggleRaw } from './watched-session.js';
import { WATCH_WORDS } from './words.js';

/** Steps of the size of the text, as shares of the usual one. */
const SIZES = [0.8, 1, 1.25, 1.6, 2, 2.6] as const;
const USUAL = 1;

const step = signal(rememberedStep());

effect(() => {
  document.documentElement.style.setProperty('--text-scale', String(SIZES[step.value] ?? 1));
});

export function WatchView(): JSX.Element {
  const t = WATCH_WORDS[uiLanguage.value];
  const isOver = state.value === 'ended' || state.value === 'unknown' || state.value === 'refused';
  return (
    <div class="watch">
      <header class="head">
        <h1 class="wordmark">Sotto</h1>
        <p class="server" data-state={state.value === 'live' ? 'ready' : isOver ? 'over' : 'gone'} role="status">
          <span class="dot" aria-hidden="true" />
          <span class="server-text">{isOver ? t.over : t.states[state.value]}</span>
        </p>
        <div class="head-controls">
          <SizeButton label={t.smaller} by={-1} />
          <SizeButton label={t.larger} by={1} />
          <PageControls />
        </div>
      </header>
      <main class="page">
        <Transcript
          segments={segments.value}
          stable={stable.value}
          tentative={tentative.value}
          spokenTag={segments.value.at(-1)?.language ?? ''}
          onToggleRaw={toggleRaw}
        >
          <p class="hint">{isOver ? t.states[state.value] : t.waiting}</p>
        </Transcript>
        {isOver && segments.value.length > 0 && <p class="over">{t.states[state.value]}</p>}
      </main>
    </div>
  );
}

function SizeButton({ label, by }: { readonly label: string; readonly by: -1 | 1 }): JSX.Element {
  return (
    <button type="button" class="quiet size" title={label} onClick={() => resize(by)}>
      <span aria-hidden="true">{by > 0 ? 'A+' : 'A−'}</span>
      <span class="unseen">{label}</span>
    </button>
  );
}

function resize(by: number): void {
  step.value = Math.max(0, Math.min(SIZES.length - 1, step.value + by));
  writePreference('textSize', String(step.value));
}

function rememberedStep(): number {
  const kept = Number(readPreference('textSize') ?? USUAL);
  return kept in SIZES ? kept : USUAL;
}
