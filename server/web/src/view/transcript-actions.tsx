// Copy, save and clear: there as soon as there is text.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { FORMATS, saveTranscript, textOf } from '../studio/save-transcript.js';
import { clear } from '../studio/studio.js';
import { segments } from '../studio/transcript.js';
import { copyText } from './copy-text.js';

const COPIED_SHOWN_MS = 2_000;
const isCopied = signal(false);
/** What the browser did not let the page copy: people do it themselves. */
const uncopied = signal<string | undefined>(undefined);

export async function copyNow(): Promise<void> {
  if (segments.value.length === 0) return;
  const text = textOf(segments.value);
  if (await copyText(text)) showCopied();
  else uncopied.value = text;
}

function showCopied(): void {
  uncopied.value = undefined;
  isCopied.value = true;
  setTimeout(() => (isCopied.value = false), COPIED_SHOWN_MS);
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
      {uncopied.value !== undefined && <CopyByHand text={uncopied.value} />}
    </div>
  );
}

/** All of it is selected; it goes when it was copied, or with Escape. */
function CopyByHand({ text }: { readonly text: string }): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.select(), [text]);
  useEffect(() => () => (uncopied.value = undefined), []);
  return (
    <label class="by-hand">
      {words.value.copyByHand}
      <textarea
        ref={field}
        readOnly
        rows={4}
        value={text}
        onCopy={() => setTimeout(showCopied)}
        onKeyDown={({ key }) => key === 'Escape' && (uncopied.value = undefined)}
      />
    </label>
  );
}
