// Which devices recognise: the names of the settings, and an engine for each.

/** `cpu`, or a GPU of NVIDIA by its number: `cuda:0`. */
export type Device = { readonly kind: 'cpu' } | { readonly kind: 'cuda'; readonly id: number };

/** A list of devices: `cpu`, or `cuda:0,cuda:1`. */
export const DEVICE_LIST = /^\s*(cpu|cuda:\d{1,3})(\s*,\s*(cpu|cuda:\d{1,3}))*\s*$/;

/** Reads a list that {@link DEVICE_LIST} has accepted. */
export function parseDevices(list: string): Device[] {
  return list.split(',').map((name) => {
    const [kind, id] = name.trim().split(':');
    return kind === 'cuda' ? { kind, id: Number(id) } : { kind: 'cpu' };
  });
}

export function nameOfDevice(device: Device): string {
  return device.kind === 'cpu' ? 'cpu' : `cuda:${device.id}`;
}

/** The device of each engine: the CPU may carry several, a GPU carries one for each time that it is named. */
export function devicesOfEngines(devices: readonly Device[], cpuEngines: number): Device[] {
  return devices.flatMap((device): Device[] =>
    device.kind === 'cpu' ? Array.from({ length: cpuEngines }, () => device) : [device],
  );
}
