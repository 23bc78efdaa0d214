// The Studio page: head, transcript, and the dock with the button, the waveform and the figures.
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { activity, isRunning, stop, toggle, transcribeFile } from '../studio/studio.js';
import { ConnectionNote } from './connection-note.js';
import { Dock } from './dock.js';
import { FailureNote } from './failure-note.js';
import { Head } from './head.js';
import { KeyPrompt } from './key-prompt.js';
import { SharePanel } from './share-panel.js';
import { copyNow, TranscriptActions } from './transcript-actions.js';
import { StudioTranscript } from './studio-transcript.js';

export function StudioView(): JSX.Element {
  const isDropping = useSignal(false);
  useEffect(() => {
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);

  const drop = (event: DragEvent): void => {
    event.preventDefault();
    isDropping.value = false;
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void transcribeFile(file);
  };
  const dragOver = (event: DragEvent): void => {
    event.preventDefault();
    isDropping.value = event.dataTransfer?.types.includes('Files') === true && activity.value.name === 'idle';
  };

  return (
    <div class="studio" onDrop={drop} onDragOver={dragOver} onDragLeave={() => (isDropping.value = false)}>
      <Head />
      <main class="page">
        <TranscriptActions />
        <StudioTranscript />
      </main>
      <footer class="dock">
        <FailureNote />
        <KeyPrompt />
        <ConnectionNote />
        <Dock />
      </footer>
      <SharePanel />
      {isDropping.value && (
        <div class="drop-veil" aria-hidden="true">
          <p>{words.value.dropFile}</p>
        </div>
      )}
    </div>
  );
}

/** Space and Enter start and stop wherever no control has the focus; Escape stops; Alt+C copies. */
function onKey(event: KeyboardEvent): void {
  // A dialogue has the keys to itself.
  if (document.querySelector('dialog[open]') !== null) return;
  const isOnControl = event.target instanceof Element && event.target.closest('button, select, input, a') !== null;
  if ((event.key === ' ' || event.key === 'Enter') && !isOnControl && !event.repeat) toggle();
  else if (event.key === 'Escape' && isRunning.value) void stop();
  else if (event.altKey && event.code === 'KeyC') void copyNow();
  else return;
  event.preventDefault();
}
