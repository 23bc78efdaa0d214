// Letting others read along: whether the next session is shared, and the addresses that follow from its token.
import { computed, signal } from '@preact/signals';
import { readPreference, writePreference } from '../preferences.js';

export const isSharing = signal(readPreference('share') === 'on');
/** The token of the session that runs. */
export const watchToken = signal<string | undefined>(undefined);

export function rememberSharing(isWanted: boolean): void {
  isSharing.value = isWanted;
  writePreference('share', isWanted ? 'on' : 'off');
}

export interface ShareLinks {
  /** A page to read along. The token stands behind the `#`: it is in no server's log. */
  readonly read: string;
  /** For OBS and screens. */
  readonly overlay: string;
  /** Where the overlay's looks are set. */
  readonly editor: string;
  /** For video players. */
  readonly playlist: string;
}

function address(path: string): string {
  return new URL(path, location.href).href;
}

/** Undefined while nothing is shared. */
export const shareLinks = computed<ShareLinks | undefined>(() => {
  const token = watchToken.value;
  if (token === undefined) return undefined;
  return {
    read: address(`/watch#${token}`),
    overlay: address(`/overlay?watch=${token}`),
    editor: address(`/overlay/editor?watch=${token}`),
    playlist: address(`/v1/watch/${token}/captions.m3u8`),
  };
});
