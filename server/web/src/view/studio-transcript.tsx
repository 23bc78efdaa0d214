// The Studio's transcript, and what to do while it is empty.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { server } from '../studio/server-watch.js';
import { spokenLanguage, stream } from '../studio/studio.js';
import { segments, toggleRaw } from '../studio/transcript.js';
import { Transcript } from './transcript.js';

export function StudioTranscript(): JSX.Element {
  const live = stream.value;
  return (
    <Transcript
      segments={segments.value}
      stable={live?.stable.value ?? ''}
      tentative={live?.tentative.value ?? ''}
      spokenTag={spokenTag()}
      onToggleRaw={toggleRaw}
    >
      <Hint />
    </Transcript>
  );
}

/** The language of what is being spoken, as far as it is known before it settles. */
function spokenTag(): string {
  if (spokenLanguage.value !== 'auto') return spokenLanguage.value;
  const [only, ...others] = server.value.name === 'ready' ? server.value.languages : [];
  return segments.value.at(-1)?.language || (others.length === 0 ? (only ?? '') : '');
}

function Hint(): JSX.Element {
  const t = words.value;
  return (
    <div class="hint">
      <p class="hint-title">{t.hintTitle}</p>
      <p>{t.hintBody}</p>
      <p class="hint-drop">{t.hintFile}</p>
    </div>
  );
}
