// Which microphones there are, and when that changes.

export interface MicrophoneDevice {
  readonly deviceId: string;
  /** Empty until the person has allowed the microphone once: until then browsers hide the names. */
  readonly label: string;
}

/**
 * The microphones of this machine; none if the page may not know them (insecure context, old browser). Never asks the
 * person.
 */
export async function listDevices(): Promise<MicrophoneDevice[]> {
  const devices = (await mediaDevices()?.enumerateDevices()) ?? [];
  return devices
    .filter(({ kind, deviceId }) => kind === 'audioinput' && deviceId !== '')
    .map(({ deviceId, label }) => ({ deviceId, label }));
}

/** Calls back when a microphone is plugged in or out. Returns a function that ends it. */
export function onDevicesChanged(listener: () => void): () => void {
  const devices = mediaDevices();
  devices?.addEventListener('devicechange', listener);
  return () => devices?.removeEventListener('devicechange', listener);
}

/** Absent in insecure contexts, whatever the DOM's types say. */
export function mediaDevices(): MediaDevices | undefined {
  return typeof navigator === 'undefined' ? undefined : navigator.mediaDevices;
}
