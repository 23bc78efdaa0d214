// The operator's switches: no further streams, another model.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { askModels, models, pause, useModel, type Panel } from './panel-data.js';
import { PANEL_WORDS } from './words.js';

export function Controls({ view }: { readonly view: Panel }): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value].controls;
  const { isPaused, swap } = view;
  return (
    <section class="controls">
      <h2>{t.title}</h2>
      <div class="ask">
        <button type="button" class="quiet" onClick={() => void pause(!isPaused)}>
          {isPaused ? t.undrain : t.drain}
        </button>
        <span class="caption">{isPaused ? t.drained : t.drainNote}</span>
      </div>
      {swap !== null && <ModelChoice serving={view.model} swap={swap} />}
    </section>
  );
}

interface ModelChoiceProps {
  readonly serving: string;
  readonly swap: NonNullable<Panel['swap']>;
}

function ModelChoice({ serving, swap }: ModelChoiceProps): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value].controls;
  const chosen = useSignal<string | undefined>(undefined);
  const name = chosen.value ?? serving;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void useModel(name);
  };
  return (
    <form class="ask" onSubmit={submit}>
      <select
        aria-label={t.model}
        value={name}
        onFocus={() => void askModels()}
        onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}
      >
        {[...new Set([serving, ...models.value])].map((model) => (
          <option key={model} value={model}>
            {model}
          </option>
        ))}
      </select>
      <button type="submit" class="quiet" disabled={swap.loading !== null || name === serving}>
        {t.swap}
      </button>
      <span class="caption" role="status">
        {swap.loading !== null ? t.loading(swap.loading) : swap.leaving > 0 ? t.leaving(swap.leaving) : t.swapNote}
      </span>
      {swap.failed !== null && swap.loading === null && (
        <p role="alert">
          {t.failed} {swap.failed.message} <code>{swap.failed.code}</code>
        </p>
      )}
    </form>
  );
}
