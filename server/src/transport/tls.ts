// TLS of the server itself: the certificate and key that the operator names, checked before anything listens.
import { messageOf, CodedError } from '@sotto/protocol';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** PEM files; the certificate's may hold the chain. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** The files cannot be read, or do not fit together. */
export class TlsError extends CodedError<'tls_failed'> {
  override readonly name = 'TlsError';

  constructor(message: string, options?: ErrorOptions) {
    super('tls_failed', message, options);
  }
}

/** The settings as files: undefined where TLS is off. Throws {@link TlsError} where only one of the two is named. */
export function tlsFiles(certFile: string, keyFile: string): TlsFiles | undefined {
  if (certFile === '' && keyFile === '') return undefined;
  if (certFile === '' || keyFile === '') throw new TlsError('TLS needs both --tls-cert and --tls-key.');
  return { certFile, keyFile };
}

/** Reads both files and tries them. Throws {@link TlsError}. */
export function readTls({ certFile, keyFile }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  const pair = { cert: read(certFile), key: read(keyFile) };
  try {
    createSecureContext(pair);
  } catch (cause) {
    throw new TlsError(
      `${certFile} and ${keyFile} are not a certificate with its key (PEM, key without a passphrase).`,
      {
        cause,
      },
    );
  }
  return pair;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new TlsError(`${file} cannot be read (${messageOf(cause)}).`, {
      cause,
    });
  }
}
