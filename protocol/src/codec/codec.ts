// What a codec is: typed messages on one side, WebSocket frames on the other, one face for each end of the wire.
import { ProtocolError } from '../errors.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { MSGPACK_SUBPROTOCOL, type Subprotocol } from '../version.js';

/** One WebSocket message: a string is a text frame, bytes are a binary frame. */
export type Frame = string | Uint8Array;

/** The server's end. One per connection: it may remember where the client's audio is. */
export interface ServerCodec {
  readonly subprotocol: Subprotocol;
  /**
   * Reads and validates one frame. Undefined: the frame only announced where the next one belongs.
   *
   * `data` of an audio message is a view of the frame, not a copy: use it before the transport reuses the memory.
   * @throws {ProtocolError} malformed_message, unknown_message, invalid_message, unsupported_audio or message_too_large
   */
  decode(frame: Frame): ClientMessage | undefined;
  encode(message: ServerMessage): Frame;
}

/** The client's end. One per session: it may serve one connection after the other. */
export interface ClientCodec {
  readonly subprotocol: Subprotocol;
  /** The frames of one message, in the order in which they are to be sent. */
  encode(message: ClientMessage): readonly Frame[];
  /**
   * Reads one frame. Undefined: a message of a kind that this version does not know, to be ignored (rule VS3).
   *
   * The fields are taken as they come: a client chose its server, and checking them would double the size of a client.
   * @throws {ProtocolError} malformed_message
   */
  decode(frame: Frame): ServerMessage | undefined;
}

/** The bytes of a frame of the MessagePack subprotocol. @throws {ProtocolError} malformed_message for a text frame */
export function binaryFrame(frame: Frame): Uint8Array {
  if (typeof frame !== 'string') return frame;
  throw new ProtocolError(
    'malformed_message',
    `${MSGPACK_SUBPROTOCOL} has no text frames; did you mean the JSON subprotocol?`,
  );
}
