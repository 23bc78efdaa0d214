// The language spoken and the microphone: shown where there is something to choose.
import type { JSX } from 'preact';
import { languageName, words } from '../i18n/language.js';
import { server } from '../studio/server-watch.js';
import { activity, chooseLanguage, chooseMicrophone, devices, microphone, spokenLanguage } from '../studio/studio.js';

export function Choices(): JSX.Element {
  return (
    <div class="choices">
      <LanguageChoice />
      <MicrophoneChoice />
    </div>
  );
}

function LanguageChoice(): JSX.Element | null {
  const t = words.value;
  const languages = server.value.name === 'ready' ? server.value.languages : [];
  const [only] = languages;
  if (only === undefined) return null;
  if (languages.length === 1) {
    return (
      <p class="choice">
        <span class="caption">{t.language}</span>
        <span>{languageName(only)}</span>
      </p>
    );
  }
  const named = languages.map((code) => ({ code, name: languageName(code) }));
  return (
    <label class="choice">
      <span class="caption">{t.language}</span>
      <select value={spokenLanguage.value} onChange={(event) => chooseLanguage(event.currentTarget.value)}>
        <option value="auto">{t.automatic}</option>
        {named
          .sort((a, b) => a.name.localeCompare(b.name))
          .map(({ code, name }) => (
            <option value={code}>{name}</option>
          ))}
      </select>
    </label>
  );
}

function MicrophoneChoice(): JSX.Element | null {
  const t = words.value;
  if (devices.value.length < 2) return null;
  return (
    <label class="choice">
      <span class="caption">{t.microphone}</span>
      <select
        value={microphone.value}
        disabled={activity.value.name !== 'idle'}
        onChange={(event) => chooseMicrophone(event.currentTarget.value)}
      >
        <option value="">{t.systemMicrophone}</option>
        {devices.value.map(({ deviceId, label }) => (
          <option value={deviceId}>{label}</option>
        ))}
      </select>
    </label>
  );
}
