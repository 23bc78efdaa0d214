// Starts the operator's panel.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { DashboardView } from './dashboard-view.js';
import { watchPanel } from './panel-data.js';
import { PANEL_WORDS } from './words.js';

effect(() => {
  document.title = `Sotto: ${PANEL_WORDS[uiLanguage.value].title}`;
});

const root = document.getElementById('dashboard');
if (root !== null) render(<DashboardView />, root);
watchPanel();
