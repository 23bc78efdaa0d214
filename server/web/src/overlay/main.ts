// Starts the caption overlay, a transparent page for OBS and screens.
import { uiLanguage } from '../i18n/language.js';
import { listenToMicrophone, saySamples, watchSession, type SourceListener } from './caption-sources.js';
import { CaptionScreen } from './caption-screen.js';
import { parseOverlayOptions } from './options.js';
import { OVERLAY_WORDS } from './words.js';

const captions = document.getElementById('captions');
const note = document.getElementById('note');
const options = parseOverlayOptions(new URLSearchParams(location.search));

if (captions !== null && note !== null) {
  const screen = new CaptionScreen(captions, options);
  const words = OVERLAY_WORDS[uiLanguage.value];
  const listener: SourceListener = {
    onEvent: (event) => screen.take(event),
    onTrouble: (trouble, detail = '') => {
      note.hidden = trouble === undefined;
      note.textContent = trouble === undefined ? '' : words.troubles[trouble];
      note.title = detail;
    },
  };
  if (options.sample) void saySamples(words.samples, listener);
  else if (options.watch !== '') void watchSession(options.watch, listener);
  else void listenToMicrophone(options, listener);
}
