// Sharing: a button in the head, and a dialogue with the switch and the links.
import { effect, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { isSharing, shareLinks } from '../studio/share.js';
import { shareFromNow } from '../studio/studio.js';
import { ShareIcon } from './icons.js';
import { LinkField } from './link-field.js';
import { serverAddress } from '../server-address.js';

const isOpen = signal(false);

export function ShareButton(): JSX.Element {
  const t = words.value;
  return (
    <button
      type="button"
      class="quiet with-icon"
      aria-haspopup="dialog"
      aria-label={t.share}
      title={t.shareTitle}
      data-on={shareLinks.value !== undefined}
      onClick={() => (isOpen.value = true)}
    >
      <ShareIcon />
      <span class="wide-only">{t.share}</span>
    </button>
  );
}

function close(): void {
  isOpen.value = false;
}

export function SharePanel(): JSX.Element {
  const t = words.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(
    () =>
      effect(() => {
        if (isOpen.value) dialog.current?.showModal();
        else dialog.current?.close();
      }),
    [],
  );
  return (
    <dialog
      ref={dialog}
      class="panel share-panel"
      aria-labelledby="share-title"
      onClose={close}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      <div class="share-content">
        <h2 id="share-title">{t.shareTitle}</h2>
        <p class="soft">{t.shareExplained}</p>
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={isSharing.value}
            onChange={({ currentTarget }) => shareFromNow(currentTarget.checked)}
          />
          {t.shareOn}
        </label>
        {isSharing.value && <Links />}
        <p class="share-foot">
          <a href={shareLinks.value?.editor ?? serverAddress('overlay/editor')} target="_blank" rel="noreferrer">
            {shareLinks.value === undefined ? t.shareElsewhere : t.shareEditor}
          </a>
          <button type="button" class="quiet" onClick={close}>
            {t.close}
          </button>
        </p>
      </div>
    </dialog>
  );
}

function Links(): JSX.Element {
  const t = words.value;
  const links = shareLinks.value;
  if (links === undefined) return <p class="soft">{t.shareWaiting}</p>;
  return (
    <>
      <LinkField label={t.shareRead} address={links.read} />
      <LinkField label={t.shareOverlay} address={links.overlay} />
      <LinkField label={t.sharePlaylist} address={links.playlist} />
    </>
  );
}
