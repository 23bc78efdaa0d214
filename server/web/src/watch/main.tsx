// Starts the page on which others read along.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { WatchView } from './watch-view.js';
import { watchAddress } from './watched-session.js';
import { WATCH_WORDS } from './words.js';

effect(() => {
  document.title = `Sotto: ${WATCH_WORDS[uiLanguage.value].title}`;
});

const root = document.getElementById('watch');
if (root !== null) render(<WatchView />, root);
watchAddress();
