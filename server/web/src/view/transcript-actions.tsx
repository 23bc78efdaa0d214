// Copy, save and clear: there as soon as there is text.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { copyTranscript, FORMATS, saveTranscript } from '../studio/save-transcript.js';
import { clear, failure } from '../studio/studio.js';
import { segments } from '../studio/transcript.js';

const COPIED_SHOWN_MS = 2_000;
const isCopied = signal(false);

export async function copyNow(): Promise<void> {
  if (segments.value.length === 0) return;
  try {
    await copyTranscript(segments.value);
    isCopied.value = true;
    setTimeout(() => (isCopied.value = false), COPIED_SHOWN_MS);
  } catch {
    failure.value = { code: 'copy_failed', detail: '' };
  }
}

export function TranscriptActions(): JSX.Element | null {
  const t = words.value;
  if (segments.value.length === 0) return null;
  return (
    <div class="actions">
      <button type="button" class="quiet" onClick={() => void copyNow()}>
        {isCopied.value ? t.copied : t.copy}
      </button>
      <span class="unseen" role="status">
        {isCopied.value ? t.copied : ''}
      </span>
      <div class="formats" role="group" aria-label={t.save}>
        <span class="caption" aria-hidden="true">
          {t.save}
        </span>
        {FORMATS.map((format) => (
          <button
            type="button"
            class="quiet"
            aria-label={`${t.save} ${format.toUpperCase()}`}
            onClick={() => void saveTranscript(format, segments.value)}
          >
            {format.toUpperCase()}
          </button>
        ))}
      </div>
      <button type="button" class="quiet" onClick={clear}>
        {t.clear}
      </button>
    </div>
  );
}
