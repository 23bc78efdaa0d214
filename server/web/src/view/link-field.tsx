// An address to hand on: to see, to copy, to open.
import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { copyText } from './copy-text.js';

const COPIED_SHOWN_MS = 2_000;

export function LinkField({ label, address }: { readonly label: string; readonly address: string }): JSX.Element {
  const t = words.value;
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async (): Promise<void> => {
    // Where the browser refuses, it stays selected.
    field.current?.select();
    setCopied(await copyText(address, field.current));
  };
  return (
    <div class="link-field">
      <label for={id}>{label}</label>
      <input id={id} ref={field} readOnly value={address} onFocus={({ currentTarget }) => currentTarget.select()} />
      <button type="button" class="quiet" aria-label={`${t.copyLink}: ${label}`} onClick={() => void copy()}>
        <span aria-live="polite">{isCopied ? t.copied : t.copyLink}</span>
      </button>
      <a class="quiet" href={address} target="_blank" rel="noreferrer" aria-label={`${t.openLink}: ${label}`}>
        {t.openLink}
      </a>
    </div>
  );
}
