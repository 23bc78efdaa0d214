// Watches the files of a certificate: whoever renews them (certbot, an operator, a mounted secret) need not end the
// server.
import { unwatchFile, watchFile } from 'node:fs';
import { readTls, TlsError, type TlsFiles } from './tls.js';

/** How often the files are looked at, milliseconds: by their times, which holds for links and network disks too. */
export const TLS_LOOK_MS = 5_000;

export interface TlsWatcher {
  /** Both files were read and fit together. */
  readonly renew: (pair: { readonly cert: Buffer; readonly key: Buffer }) => void;
  /** They do not (yet): the certificate before is still used. */
  readonly refused: (error: TlsError) => void;
}

/** Returns what ends it. */
export function watchTls(files: TlsFiles, { renew, refused }: TlsWatcher, lookMs = TLS_LOOK_MS): () => void {
  let used = readTls(files);
  const look = (): void => {
    try {
      const pair = readTls(files);
      // Both files are watched, and mostly both have changed: the second look must not renew what the first one has.
      if (pair.cert.equals(used.cert) && pair.key.equals(used.key)) return;
      used = pair;
      renew(pair);
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      refused(error);
    }
  };
  const names = [files.certFile, files.keyFile];
  for (const name of names) watchFile(name, { interval: lookMs, persistent: false }, look);
  return () => {
    for (const name of names) unwatchFile(name, look);
  };
}
