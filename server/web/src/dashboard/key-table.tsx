// The keys: made, listed, revoked.
import type { Redaction } from '@sotto/protocol';
import { useSignal, type Signal } from '@preact/signals';
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { keys, madeKey, makeKey, revokeKey } from './panel-data.js';
import { PANEL_WORDS } from './words.js';

const SCOPES = ['stream', 'files', 'watch', 'admin'] as const;
const REDACTIONS = ['card', 'phone', 'email', 'account', 'number', 'names'] as const satisfies readonly Redaction[];
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
          {keys.value.map(({ id, name, scopes, settings, createdAt, revokedAt }) => (
            <tr key={id}>
              <td>
                <code>{id}</code>
              </td>
              <td>{name}</td>
              <td>{scopes.join(', ')}</td>
              <td>{settings?.redact?.map((kind) => `[${kind}]`).join(' ')}</td>
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
  const hidden = useSignal<readonly Redaction[]>([]);
  const names = useSignal('');
  const isMasked = useSignal(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const redactNames = names.value.split(',').map((one) => one.trim());
    void makeKey(name.value, scopes.value, {
      ...(hidden.value.length > 0 && { redact: [...hidden.value] }),
      ...(hidden.value.includes('names') && { redactNames: redactNames.filter((one) => one !== '') }),
      ...(isMasked.value && { profanity: 'mask' }),
    });
    name.value = '';
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
            <input type="checkbox" checked={scopes.value.includes(scope)} onChange={() => toggle(scopes, scope)} />{' '}
            {scope}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{t.hidden}</legend>
        {REDACTIONS.map((kind) => (
          <label key={kind}>
            <input type="checkbox" checked={hidden.value.includes(kind)} onChange={() => toggle(hidden, kind)} />{' '}
            {t.redactions[kind]}
          </label>
        ))}
        <label>
          <input type="checkbox" checked={isMasked.value} onChange={() => (isMasked.value = !isMasked.value)} />{' '}
          {t.swearWords}
        </label>
      </fieldset>
      {hidden.value.includes('names') && (
        <input
          aria-label={t.hiddenNames}
          placeholder={t.hiddenNames}
          value={names.value}
          onInput={({ currentTarget }) => (names.value = currentTarget.value)}
        />
      )}
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

/** Takes it into a list, or out of it. */
function toggle<T>(list: Signal<readonly T[]>, one: T): void {
  list.value = list.value.includes(one) ? list.value.filter((other) => other !== one) : [...list.value, one];
}
