// The language spoken, the polish and the microphone: shown where there is something to choose.
import type { JSX } from 'preact';
import { languageName, words } from '../i18n/language.js';
import { polishChoice, polishInstruction, polishModes } from '../studio/polish.js';
import { server } from '../studio/server-watch.js';
import {
  activity,
  changePolish,
  chooseLanguage,
  chooseMicrophone,
  devices,
  microphone,
  spokenLanguage,
} from '../studio/studio.js';

/** As many as the protocol takes. */
const INSTRUCTION_CHARS_MAX = 2_000;

export function Choices(): JSX.Element {
  return (
    <div class="choices">
      <LanguageChoice />
      <PolishField />
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

function PolishField(): JSX.Element | null {
  const t = words.value;
  if (polishModes.value.length === 0) return null;
  const isAway = server.value.name === 'ready' && server.value.polish?.available === false;
  return (
    <>
      <label class="choice">
        <span class="caption">{t.polish}</span>
        <select value={polishChoice.value} onChange={(event) => changePolish({ mode: event.currentTarget.value })}>
          {(['off', ...polishModes.value] as const).map((mode) => (
            <option value={mode}>{t.polishModes[mode]}</option>
          ))}
        </select>
      </label>
      {polishChoice.value === 'custom' && (
        <label class="choice wide">
          <span class="caption">{t.polishInstruction}</span>
          <input
            type="text"
            placeholder={t.polishInstructionExample}
            maxLength={INSTRUCTION_CHARS_MAX}
            value={polishInstruction.value}
            onChange={(event) => changePolish({ instruction: event.currentTarget.value })}
          />
        </label>
      )}
      {isAway && polishChoice.value !== 'off' && <p class="caption wide">{t.polishAway}</p>}
    </>
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
