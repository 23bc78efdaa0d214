// Starts the overlay's editor.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { uiLanguage } from '../i18n/language.js';
import { EditorView } from './editor-view.js';
import { EDITOR_WORDS } from './words.js';

effect(() => {
  document.title = `Sotto: ${EDITOR_WORDS[uiLanguage.value].title}`;
});

const root = document.getElementById('editor');
if (root !== null) render(<EditorView />, root);
