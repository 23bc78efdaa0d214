// The dock: what is heard, the button, the choices and the figures.
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { clockText } from '../studio/clock-text.js';
import { activity, elapsedMs, isRunning, isStuck, listen, progress, toggle, transcribeFile } from '../studio/studio.js';
import { Choices } from './choices.js';
import { Figures } from './figures.js';
import { MicrophoneIcon, StopIcon } from './icons.js';
import { LevelMeter } from './level-meter.js';
import { Waveform } from './waveform.js';

export function Dock(): JSX.Element {
  return (
    <div class="panel">
      <Waveform />
      <LevelMeter />
      <div class="controls">
        <Choices />
        <TalkButton />
        <Figures />
      </div>
      <Sources />
    </div>
  );
}

function TalkButton(): JSX.Element {
  const t = words.value;
  const running = isRunning.value;
  const isBusy = !running && !isStuck.value && activity.value.name !== 'idle';
  return (
    <div class="talk">
      <button
        type="button"
        class="talk-button"
        data-running={running}
        aria-label={running || isStuck.value ? t.stop : t.start}
        aria-disabled={isBusy}
        aria-keyshortcuts="Space Enter"
        onClick={toggle}
      >
        {running ? <StopIcon /> : <MicrophoneIcon />}
      </button>
      <p class="doing">
        <span aria-hidden="true">{doing()}</span>
        <span class="unseen" role="status">
          {activity.value.name === 'idle' ? (elapsedMs.value > 0 ? t.finished : '') : doing()}
        </span>
        {running && (
          <span class="elapsed" role="timer" aria-label={t.elapsed}>
            {clockText(elapsedMs.value)}
          </span>
        )}
      </p>
      {activity.value.name === 'sending' && (
        <progress value={progress.value} max={1} aria-label={t.sendingFile(activity.value.file)} />
      )}
    </div>
  );
}

function doing(): string {
  const t = words.value;
  switch (activity.value.name) {
    case 'idle':
      return t.start;
    case 'opening':
      return t.opening;
    case 'finishing':
      return t.finishing;
    case 'listening':
      return activity.value.source === 'tab' ? t.listeningTab : t.listening;
    case 'sending':
      return t.sendingFile(activity.value.file);
  }
}

/** The other ways to bring sound, and the keys. */
function Sources(): JSX.Element {
  const t = words.value;
  const input = useRef<HTMLInputElement>(null);
  const isIdle = activity.value.name === 'idle';
  const canShare = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
  const choose = (): void => {
    const field = input.current;
    const file = field?.files?.[0];
    if (file !== undefined) void transcribeFile(file);
    if (field !== null) field.value = '';
  };
  return (
    <div class="sources">
      <input ref={input} type="file" accept="audio/*,video/*,.flac,.opus" hidden aria-hidden="true" onChange={choose} />
      <button type="button" class="quiet" disabled={!isIdle} onClick={() => input.current?.click()}>
        {t.openFile}
      </button>
      {canShare && (
        <button type="button" class="quiet" disabled={!isIdle} onClick={() => void listen('tab')}>
          {t.shareTab}
        </button>
      )}
      <p class="keys" aria-label={t.shortcuts}>
        <kbd>Space</kbd> {t.shortcutTalk} <kbd>Esc</kbd> {t.shortcutStop} <kbd>Alt</kbd>
        <kbd>C</kbd> {t.shortcutCopy}
      </p>
    </div>
  );
}
