// The top line: name, server, sharing, language of the page, light or dark.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { server } from '../studio/server-watch.js';
import { PageControls } from './page-controls.js';
import { ShareButton } from './share-panel.js';

export function Head(): JSX.Element {
  return (
    <header class="head">
      <h1 class="wordmark" title={words.value.tagline}>
        Sotto
      </h1>
      <ServerState />
      <div class="head-controls">
        <ShareButton />
        <PageControls />
      </div>
    </header>
  );
}

function ServerState(): JSX.Element {
  const t = words.value;
  const view = server.value;
  return (
    <p class="server" data-state={view.name} role="status">
      <span class="dot" aria-hidden="true" />
      {view.name === 'ready' ? (
        <span class="server-text" title={t.serverReady(view.model)}>
          <span class="wide-only">{t.serverReady(view.model)}</span>
          <span class="narrow-only">{view.model}</span>
        </span>
      ) : (
        <span class="server-text">
          {{ connecting: t.serverConnecting, gone: t.serverGone, locked: t.serverLocked }[view.name]}
        </span>
      )}
    </p>
  );
}
