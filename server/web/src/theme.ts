// Light or dark: the person's choice, else the system's.
import { computed, effect, signal } from '@preact/signals';
import { readPreference, writePreference } from './preferences.js';

type Theme = 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');
const systemTheme = signal<Theme>(system.matches ? 'dark' : 'light');
system.addEventListener('change', () => (systemTheme.value = system.matches ? 'dark' : 'light'));

const stored = readPreference('theme');
const chosen = signal<Theme | undefined>(stored === 'light' || stored === 'dark' ? stored : undefined);

export const theme = computed<Theme>(() => chosen.value ?? systemTheme.value);

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
});

export function switchTheme(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark';
  writePreference('theme', chosen.value);
}
