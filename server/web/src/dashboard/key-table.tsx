// The keys: made, listed, revoked.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { keys, madeKey, makeKey, revokeKey } from './panel-data.js';
import { PANEL_WORDS } from './words.js';

const SCOPES = ['stream', 'files', 'watch', 'admin'] as const;
const USUAL_SCOPES: readonly string[] = ['stream', 'files', 'watch'];

export function KeyTable(): JSX.Element | null {
  const t = PANEL_WORDS[uiLanguage.value];
  if (keys.value === undefined) return null;
  return (
    <section>
      <h2>{t.keys}</h2>
      <MakeKey />
      <table>
        <tbody>
          {keys.value.map(({ id, name, scopes, createdAt, revokedAt }) => (
            <tr key={id}>
              <td>
                <code>{id}</code>
              </td>
              <td>{name}</td>
              <td>{scopes.join(', ')}</td>
              <td>{createdAt.slice(0, 10)}</td>
              <td>
                {revokedAt === undefined ? (
                  <button type="button" class="quiet" onClick={() => void revokeKey(id)}>
                    {t.revoke}
                  </button>
                ) : (
                  t.revoked
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function MakeKey(): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const name = useSignal('');
  const scopes = useSignal(USUAL_SCOPES);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void makeKey(name.value, scopes.value);
    name.value = '';
  };
  const toggle = (scope: string): void => {
    scopes.value = scopes.value.includes(scope)
      ? scopes.value.filter((other) => other !== scope)
      : [...scopes.value, scope];
  };
  return (
    <form class="ask" onSubmit={submit}>
      <input
        aria-label={t.keyName}
        placeholder={t.keyName}
        maxLength={100}
        value={name.value}
        onInput={({ currentTarget }) => (name.value = currentTarget.value)}
      />
      <fieldset>
        <legend class="unseen">{t.scopes}</legend>
        {SCOPES.map((scope) => (
          <label key={scope}>
            <input type="checkbox" checked={scopes.value.includes(scope)} onChange={() => toggle(scope)} /> {scope}
          </label>
        ))}
      </fieldset>
      <button type="submit" class="quiet" disabled={scopes.value.length === 0}>
        {t.makeKey}
      </button>
      {madeKey.value !== '' && (
        <p role="alert">
          {t.madeKey} <code>{madeKey.value}</code>
        </p>
      )}
    </form>
  );
}
