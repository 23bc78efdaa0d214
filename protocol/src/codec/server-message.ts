// Tells the server messages of this version from anything that a newer server may say.
import { ProtocolError } from '../errors.js';
import type { ServerMessage } from '../messages.js';

const KNOWN: Readonly<Record<ServerMessage['type'], true>> = {
  ready: true,
  resumed: true,
  ack: true,
  speechStarted: true,
  partial: true,
  speechEnded: true,
  final: true,
  polished: true,
  polishedDelta: true,
  mark: true,
  pong: true,
  stopped: true,
  error: true,
  watching: true,
  ended: true,
};

/**
 * A decoded frame as a server message, or undefined for a type of a later version. Only the type is looked at (see
 * `ClientCodec.decode`).
 * @throws {ProtocolError} malformed_message for what is no object
 */
export function asServerMessage(value: unknown): ServerMessage | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) {
    throw new ProtocolError('malformed_message', 'A message of the server is not an object.');
  }
  const type: unknown = 'type' in value ? value.type : undefined;
  return typeof type === 'string' && Object.hasOwn(KNOWN, type) ? (value as ServerMessage) : undefined;
}
