// Why a server does not start, in words for the person who started it.
import { CodedError, messageOf } from '@sotto/protocol';
import { ModelError, OrtError } from '@sotto/models';
import { AccessError } from '../access/access-error.js';
import { ProxyListError } from '../access/client-address.js';
import { EngineError } from '../asr/errors.js';
import { AddressListError } from '../http/outbound/address-guard.js';
import { StoreError } from '../store/store-error.js';
import { TransportUnavailableError } from '../transport/choose-transport.js';
import { TlsError } from '../transport/tls.js';
import { ListenError } from '../transport/transport.js';

/** The server cannot start; the message says all that a person needs. */
export class StartError extends CodedError<'start_failed'> {
  override readonly name = 'StartError';

  constructor(message: string, options?: ErrorOptions) {
    super('start_failed', message, options);
  }
}

/** Failures of the outside world: a person can mend them, and needs no stack for it. */
const PLAIN_FAILURES = [
  ListenError,
  TlsError,
  AddressListError,
  TransportUnavailableError,
  ModelError,
  EngineError,
  OrtError,
  StoreError,
  AccessError,
  ProxyListError,
] as const;

/** A failure that a person can mend as {@link StartError}; any other as it is. */
export function startErrorOf(error: unknown): unknown {
  const isPlain = PLAIN_FAILURES.some((kind) => error instanceof kind);
  return isPlain ? new StartError(messageOf(error), { cause: error }) : error;
}
