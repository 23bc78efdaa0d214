// The language of the page, and light or dark: on every page.
import type { JSX } from 'preact';
import { switchLanguage, uiLanguage, words } from '../i18n/language.js';
import { switchTheme, theme } from '../theme.js';
import { MoonIcon, SunIcon } from './icons.js';

export function PageControls(): JSX.Element {
  const t = words.value;
  const isDark = theme.value === 'dark';
  const themeWords = isDark ? t.themeLight : t.themeDark;
  return (
    <>
      <button
        type="button"
        class="quiet"
        lang={uiLanguage.value === 'en' ? 'zh-CN' : 'en'}
        aria-label={t.otherLanguageLabel}
        onClick={switchLanguage}
      >
        {t.otherLanguage}
      </button>
      <button type="button" class="quiet icon" aria-label={themeWords} title={themeWords} onClick={switchTheme}>
        {isDark ? <SunIcon /> : <MoonIcon />}
      </button>
    </>
  );
}
