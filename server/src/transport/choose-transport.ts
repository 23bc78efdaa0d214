// Picks the WebSocket server that runs here: uWebSockets.js where it has a binary, else `ws`.
import { CodedError } from '@sotto/protocol';
import type { Transport, TransportOptions } from './transport.js';
import { createUwsTransport, loadUws } from './uws-transport.js';
import { createWsTransport } from './ws-transport.js';

export type TransportChoice = 'auto' | 'uws' | 'ws';

/** `uws` was asked for where it cannot run. */
export class TransportUnavailableError extends CodedError<'transport_unavailable'> {
  override readonly name = 'TransportUnavailableError';

  constructor(message: string, options?: ErrorOptions) {
    super('transport_unavailable', message, options);
  }
}

/** Throws {@link TransportUnavailableError}. */
export function chooseTransport(choice: TransportChoice, options: TransportOptions): Transport {
  if (choice === 'ws') return createWsTransport(options);
  const library = loadUws();
  if (library !== undefined) return createUwsTransport(library, options);
  if (choice === 'auto') return createWsTransport(options);
  throw new TransportUnavailableError(
    `uWebSockets.js has no binary for Node ${process.versions.node} on ${process.platform}-${process.arch}: ` +
      'choose --transport ws or auto, or install the package that its author publishes.',
  );
}
