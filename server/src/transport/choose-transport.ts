// Picks the WebSocket server that runs here: uWebSockets.js where it has a binary, else `ws`.
import { CodedError } from '@sotto/protocol';
import type { Transport, TransportOptions } from './transport.js';
import { createUwsTransport, findUws } from './uws-transport.js';
import { createWsTransport } from './ws-transport.js';

export type TransportChoice = 'auto' | 'uws' | 'ws';

/** `uws` was asked for where it cannot run. */
export class TransportUnavailableError extends CodedError<'transport_unavailable'> {
  override readonly name = 'TransportUnavailableError';

  constructor(message: string, options?: ErrorOptions) {
    super('transport_unavailable', message, options);
  }
}

/** What `ws` in place of uWebSockets.js costs: measured, see the README of the gateway. */
export const WS_COSTS =
  'it serves the same for about 30 kB more memory a connection (docs/dependencies.md says how to install the other)';

/**
 * `auto` that has to do with `ws` says so: `onFallback` gets why, the end of a sentence about uWebSockets.js.
 * @throws {TransportUnavailableError}
 */
export function chooseTransport(
  choice: TransportChoice,
  options: TransportOptions,
  onFallback: (why: string) => void = () => {},
): Transport {
  if (choice === 'ws') return createWsTransport(options);
  const { library, missing } = findUws();
  if (library !== undefined) return createUwsTransport(library, options);
  if (choice === 'uws') {
    throw new TransportUnavailableError(
      `uWebSockets.js ${missing}: choose --transport ws or auto, or install it as docs/dependencies.md says.`,
    );
  }
  onFallback(missing);
  return createWsTransport(options);
}
