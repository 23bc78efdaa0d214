// How the Studio wants its text polished: remembered, and asked for only as far as the server offers it.
import { computed, signal } from '@preact/signals';
import type { PolishMode, PolishSettings } from '@sotto/client';
import { readPreference, writePreference } from '../preferences.js';
import { server } from './server-watch.js';

export type PolishChoice = 'off' | PolishMode;

const wanted = signal(readPreference('polish') ?? 'off');
export const polishInstruction = signal(readPreference('polishInstruction') ?? '');

/** The modes of the server; none where it does not polish. */
export const polishModes = computed<readonly PolishMode[]>(() =>
  server.value.name === 'ready' ? (server.value.polish?.modes ?? []) : [],
);

/** The mode in force: `off` where the one that was chosen on another server is not offered here. */
export const polishChoice = computed<PolishChoice>(
  () => polishModes.value.find((mode) => mode === wanted.value) ?? 'off',
);

/** What to ask a session for; `custom` polishes nothing before it has an instruction. */
export function polishSettings(): PolishSettings {
  const mode = polishChoice.value;
  const instruction = polishInstruction.value.trim();
  if (mode !== 'custom') return { mode };
  return instruction === '' ? { mode: 'off' } : { mode, instruction };
}

export function choosePolish(choice: string): void {
  wanted.value = choice;
  writePreference('polish', choice);
}

export function writePolishInstruction(instruction: string): void {
  polishInstruction.value = instruction;
  writePreference('polishInstruction', instruction);
}
