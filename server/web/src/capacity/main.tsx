// Starts the page that works out capacity and cost.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { CAPACITY_WORDS } from '../../../src/capacity/words.js';
import { uiLanguage } from '../i18n/language.js';
import { CapacityView } from './capacity-view.js';

effect(() => {
  document.title = `Sotto: ${CAPACITY_WORDS[uiLanguage.value].title}`;
});

const root = document.getElementById('capacity');
if (root !== null) render(<CapacityView />, root);
