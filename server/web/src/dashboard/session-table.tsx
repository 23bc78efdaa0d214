// Who speaks now.
import type { JSX } from 'preact';
import { languageName, uiLanguage } from '../i18n/language.js';
import { endSession, type Panel } from './panel-data.js';
import { durationText } from './texts.js';
import { PANEL_WORDS } from './words.js';

export function SessionTable({ view }: { readonly view: Panel }): JSX.Element {
  const t = PANEL_WORDS[uiLanguage.value];
  const { sessions, sessionCount } = view;
  const hasWords = sessions.some(({ words }) => words !== undefined);
  const hasKeys = sessions.some(({ keyId }) => keyId !== undefined);
  return (
    <section>
      <h2>
        {t.sessions} <small>{t.sessionsShown(sessions.length, sessionCount)}</small>
      </h2>
      {sessions.length === 0 ? (
        <p class="caption">{t.noSessions}</p>
      ) : (
        <div class="wide" tabIndex={0} role="region" aria-label={t.sessions}>
          <table>
            <thead>
              <tr>
                <th>{t.columns.session}</th>
                <th>{t.columns.language}</th>
                <th>{t.columns.since}</th>
                <th>{t.columns.lag}</th>
                <th>{t.columns.finals}</th>
                {hasKeys && <th>{t.columns.key}</th>}
                {hasWords && <th>{t.columns.words}</th>}
                <td />
              </tr>
            </thead>
            <tbody>
              {sessions.map(({ id, language, startedAt, lagMs, lags, finals, keyId, words }) => (
                <tr key={id} data-session={id}>
                  <td>
                    <code>{id.slice(0, 8)}</code>
                  </td>
                  <td>{language === '' ? '–' : languageName(language)}</td>
                  <td>{durationText(view.at - startedAt)}</td>
                  <td>
                    {lagMs} ms <Sparkline values={lags} />
                  </td>
                  <td>{finals}</td>
                  {hasKeys && <td>{keyId}</td>}
                  {hasWords && <td class="words">{words}</td>}
                  <td>
                    <button type="button" class="quiet" onClick={() => void endSession(id)}>
                      {t.end}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const WIDTH = 60;
const HEIGHT = 16;
/** A line at full height is a second behind, or the largest lag if that is more. */
const FULL_MS = 1_000;

function Sparkline({ values }: { readonly values: readonly number[] }): JSX.Element {
  const top = Math.max(FULL_MS, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, i) => `${(i * step).toFixed(1)},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`);
  return (
    <svg class="sparkline" width={WIDTH} height={HEIGHT} aria-hidden="true">
      <polyline points={points.join(' ')} fill="none" stroke="currentColor" />
    </svg>
  );
}
