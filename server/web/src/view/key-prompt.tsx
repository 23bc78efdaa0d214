// Asks for a key where the server wants one.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { key } from '../key.js';
import { server, unlock } from '../studio/server-watch.js';

export function KeyPrompt(): JSX.Element | null {
  const typed = useSignal('');
  if (server.value.name !== 'locked') return null;
  const t = words.value;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    unlock(typed.value);
    typed.value = '';
  };
  return (
    <form class="failure key-prompt" onSubmit={submit}>
      <label>
        <span>{key.value === '' ? t.keyWanted : t.keyRefused}</span>
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={typed.value}
          aria-label={t.key}
          placeholder={t.key}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="quiet">
        {t.useKey}
      </button>
    </form>
  );
}
