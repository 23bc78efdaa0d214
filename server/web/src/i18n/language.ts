// Which language the Studio speaks: the person's choice, else the browser's.
import { computed, effect, signal } from '@preact/signals';
import { readPreference, writePreference } from '../preferences.js';
import { en } from './en.js';
import { zh } from './zh.js';

export type UiLanguage = 'en' | 'zh';

const WORDS = { en, zh } as const;
/** What `lang` attributes say. */
const TAGS = { en: 'en', zh: 'zh-CN' } as const;

export const uiLanguage = signal<UiLanguage>(initialLanguage());
/** The words to show. */
export const words = computed(() => WORDS[uiLanguage.value]);
export const languageTag = computed(() => TAGS[uiLanguage.value]);

effect(() => {
  document.documentElement.lang = languageTag.value;
});

export function switchLanguage(): void {
  uiLanguage.value = uiLanguage.value === 'en' ? 'zh' : 'en';
  writePreference('language', uiLanguage.value);
}

/** A language code such as "fr" by its name, in the language of the page. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames([languageTag.value], { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}

function initialLanguage(): UiLanguage {
  const chosen = readPreference('language');
  if (chosen === 'en' || chosen === 'zh') return chosen;
  const known = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === 'en' || tag === 'zh');
  return known === 'zh' ? 'zh' : 'en';
}
