// Sets of devices that are measured in turn, on engines that are opened once.
import { DEVICE_LIST, type Engine } from '@sotto/server';
import { InvalidArgumentError } from 'commander';

/** Reads one set, `cuda:0,cuda:1`, behind those that came before. A device that is named twice carries two engines. */
export function deviceSet(text: string, earlier: readonly string[][] = []): string[][] {
  if (!DEVICE_LIST.test(text)) throw new InvalidArgumentError('expected cpu, or GPUs: cuda:0,cuda:1.');
  return [...earlier, text.split(',').map((name) => name.trim())];
}

/** The devices to open, so that each set finds all of its own. */
export function unionOf(sets: readonly (readonly string[])[]): string[] {
  const names = [...new Set(sets.flat())];
  return names.flatMap((name) =>
    Array.from({ length: Math.max(...sets.map((set) => set.filter((other) => other === name).length)) }, () => name),
  );
}

/** The engines of one set. */
export function enginesOf(
  set: readonly string[],
  opened: readonly { readonly device: string; readonly engine: Engine }[],
): Engine[] {
  const left = [...opened];
  return set.flatMap((name) => {
    const at = left.findIndex(({ device }) => device === name);
    return left.splice(at, at < 0 ? 0 : 1).map(({ engine }) => engine);
  });
}
