// What the editor has set so far, and the addresses that follow from it.
import { computed, signal } from '@preact/signals';
import {
  formatOverlayOptions,
  OVERLAY_DEFAULTS,
  parseOverlayOptions,
  type OverlayOptions,
} from '../overlay/options.js';
import { serverAddress } from '../server-address.js';

export type Scene = 'dark' | 'light' | 'picture';
export const SCENES: readonly Scene[] = ['dark', 'picture', 'light'];

/** A link that was made before may be edited: its query works on the editor too. */
export const options = signal<OverlayOptions>(parseOverlayOptions(new URLSearchParams(location.search)));
export const isWatching = signal(options.value.watch !== '');
export const scene = signal<Scene>('picture');

export function set<K extends keyof OverlayOptions>(name: K, value: OverlayOptions[K]): void {
  options.value = { ...options.value, [name]: value };
}

/** What the link says: of the two sources, only the one that was chosen. */
const chosen = computed<OverlayOptions>(() =>
  isWatching.value
    ? { ...options.value, language: OVERLAY_DEFAULTS.language }
    : { ...options.value, watch: OVERLAY_DEFAULTS.watch },
);

export const link = computed(() => serverAddress(`overlay${formatOverlayOptions(chosen.value)}`));
export const previewUrl = computed(() =>
  serverAddress(`overlay${formatOverlayOptions({ ...chosen.value, sample: true })}`),
);
/** Addresses for video players; undefined without a token. */
export const playerUrls = computed(() => {
  const { watch } = chosen.value;
  if (watch === '') return undefined;
  return ['captions.m3u8', 'captions.vtt'].map((file) => serverAddress(`v1/watch/${watch}/${file}`));
});

/** The token in what a person pasted: any of the links that share a session, or the token itself. */
export function tokenOf(pasted: string): string {
  const [, token] = /\/(?:watch#|overlay(?:\/editor)?\?(?:.*&)?watch=|v1\/watch\/)([\w-]+)/.exec(pasted) ?? [];
  return token ?? pasted;
}
