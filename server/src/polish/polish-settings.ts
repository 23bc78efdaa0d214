// What a client wants of the polish: its settings, complete, and what this server cannot honour.
import { mergeSettings, type PolishSettings } from '@sotto/protocol';
import type { Polishing, PolishStyle } from './polishing.js';

export interface PolishWish extends Omit<PolishStyle, 'mode'> {
  readonly mode: PolishStyle['mode'] | 'off';
  readonly scope: NonNullable<PolishSettings['scope']>;
  readonly deltas: boolean;
}

export const NO_POLISH: PolishWish = {
  mode: 'off',
  instruction: '',
  scope: 'segment',
  deltas: false,
  quality: 'auto',
  script: undefined,
};

/** A wish that cannot be honoured. */
export interface PolishRefusal {
  readonly code: 'unsupported_option';
  readonly message: string;
}

/** The wish after a change: what it names. A change without a mode turns polish on. */
export function changePolish(wish: PolishWish, change: PolishSettings | undefined): PolishWish {
  if (change === undefined) return wish;
  return mergeSettings(wish, { ...change, mode: change.mode ?? (wish.mode === 'off' ? 'standard' : wish.mode) });
}

/** The style of a wish; undefined where it is off. */
export function styleOf({ mode, instruction, quality, script }: PolishWish): PolishStyle | undefined {
  return mode === 'off' ? undefined : { mode, instruction: mode === 'custom' ? instruction : '', quality, script };
}

/** Why a wish cannot be honoured, if so (rule PO1). */
export function refusePolish(wish: PolishWish, polishing: Polishing | undefined): PolishRefusal | undefined {
  const style = styleOf(wish);
  if (style === undefined) return undefined;
  const message = polishing === undefined ? 'This server has no polisher.' : polishing.refusalOf(style);
  return message === undefined ? undefined : { code: 'unsupported_option', message };
}
