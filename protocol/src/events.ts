// Which messages both ends count, so that a session can be resumed with none lost and none twice (rules RS3, RS5).
import type { ClientMessage, ServerMessage } from './messages.js';

const UNCOUNTED_OF_SERVER: ReadonlySet<string> = new Set<ServerMessage['type']>([
  'ready',
  'resumed',
  'ack',
  'partial',
  'polishedDelta',
  'pong',
]);
const UNCOUNTED_OF_CLIENT: ReadonlySet<string> = new Set<ClientMessage['type']>(['start', 'resume', 'audio', 'ping']);

/** Whether a message of the server is an event: one that is sent again if the client has not got it. */
export function isEvent({ type }: ServerMessage): boolean {
  return !UNCOUNTED_OF_SERVER.has(type);
}

/** Whether a message of the client counts: one that is sent again if the server has not got it. */
export function isCounted({ type }: { readonly type: string }): boolean {
  return !UNCOUNTED_OF_CLIENT.has(type);
}
