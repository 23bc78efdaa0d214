// The nodes that share the store.
import type { JSX } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import type { Panel } from './panel-data.js';
import { durationText } from './texts.js';
import { PANEL_WORDS } from './words.js';

export function NodeTable({ view }: { readonly view: Panel }): JSX.Element | null {
  const t = PANEL_WORDS[uiLanguage.value].nodes;
  if (view.nodes.length === 0) return null;
  return (
    <section>
      <h2>{t.title}</h2>
      <div class="wide" tabIndex={0} role="region" aria-label={t.title}>
        <table>
          <thead>
            <tr>
              {[t.node, t.status, t.model, t.streams, t.seen].map((text) => (
                <th key={text}>{text}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {view.nodes.map(({ id, name, status, model, streams, at }) => (
              <tr key={id}>
                <td>
                  <code>{name}</code>
                </td>
                <td>{status}</td>
                <td>{model}</td>
                <td>{streams}</td>
                <td>{durationText(view.at - at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
