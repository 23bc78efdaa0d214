// The top line: name, server, language of the page, light or dark.
import type { JSX } from 'preact';
import { switchLanguage, uiLanguage, words } from '../i18n/language.js';
import { server } from '../studio/server-watch.js';
import { switchTheme, theme } from '../theme.js';
import { MoonIcon, SunIcon } from './icons.js';

export function Head(): JSX.Element {
  const t = words.value;
  const isDark = theme.value === 'dark';
  return (
    <header class="head">
      <h1 class="wordmark" title={t.tagline}>
        Sotto
      </h1>
      <ServerState />
      <div class="head-controls">
        <button
          type="button"
          class="quiet"
          lang={uiLanguage.value === 'en' ? 'zh-CN' : 'en'}
          aria-label={t.otherLanguageLabel}
          onClick={switchLanguage}
        >
          {t.otherLanguage}
        </button>
        <button
          type="button"
          class="quiet icon"
          aria-label={isDark ? t.themeLight : t.themeDark}
          title={isDark ? t.themeLight : t.themeDark}
          onClick={switchTheme}
        >
          {isDark ? <SunIcon /> : <MoonIcon />}
        </button>
      </div>
    </header>
  );
}

function ServerState(): JSX.Element {
  const t = words.value;
  const view = server.value;
  const text =
    view.name === 'ready' ? t.serverReady(view.model) : view.name === 'gone' ? t.serverGone : t.serverConnecting;
  return (
    <p class="server" data-state={view.name} role="status">
      <span class="dot" aria-hidden="true" />
      {text}
    </p>
  );
}
