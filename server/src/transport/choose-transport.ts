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

/** First versions of Node whose own servers can share a port; all later ones can. */
const SHARING_NODES = [
  [22, 12],
  [23, 1],
] as const;

/** Why several processes cannot listen on one port here, the end of a sentence; undefined: they can. */
export function portSharingMissing(choice: TransportChoice, node = process.versions.node): string | undefined {
  if (process.platform !== 'linux') return `the system deals connections to several processes on Linux alone`;
  const missing = choice === 'ws' ? 'is not to be used' : findUws().missing;
  if (missing === undefined) return undefined;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNewer = major > 23 || SHARING_NODES.some(([first, from]) => major === first && minor >= from);
  return isNewer
    ? undefined
    : `uWebSockets.js ${missing}, and ws can share a port from Node 22.12 on (this is ${node})`;
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
