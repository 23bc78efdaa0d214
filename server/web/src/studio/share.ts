// Letting others read along: whether the next session is shared, and the addresses that follow from its token.
import { computed, signal } from '@preact/signals';
import { readPreference, writePreference } from '../preferences.js';
import { serverAddress } from '../server-address.js';

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

/** Undefined while nothing is shared. */
export const shareLinks = computed<ShareLinks | undefined>(() => {
  const token = watchToken.value;
  if (token === undefined) return undefined;
  return {
    read: serverAddress(`watch#${token}`),
    overlay: serverAddress(`overlay?watch=${token}`),
    editor: serverAddress(`overlay/editor?watch=${token}`),
    playlist: serverAddress(`v1/watch/${token}/captions.m3u8`),
  };
});
