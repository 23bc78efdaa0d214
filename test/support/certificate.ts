// A certificate for localhost that nobody signed, made anew for a test.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { TlsFiles } from '../../server/src/transport/tls.js';
import { testFolder } from './test-folder.js';

/** Says why tests with certificates are skipped on this machine; false where they are not. */
export const noOpenssl: string | false = hasOpenssl() ? false : 'no openssl here';

/** Valid for `localhost` and 127.0.0.1; `ca` is what a client trusts. */
export function selfSigned(t: Test): TlsFiles & { readonly ca: string } {
  const folder = testFolder(t, {});
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', files.keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', files.certFile, '-days', '2', ...names], {
    stdio: 'ignore',
  });
  return { ...files, ca: readFileSync(files.certFile, 'utf8') };
}

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
