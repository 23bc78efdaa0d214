// The client's end of the default subprotocol. It brings its own reader and writer: a MessagePack library would be half
// of a client's size.
import type { ClientMessage, ServerMessage } from '../messages.js';
import { MSGPACK_SUBPROTOCOL } from '../version.js';
import { binaryFrame, type ClientCodec, type Frame } from './codec.js';
import { readMsgpack } from './msgpack-reader.js';
import { writeMsgpack } from './msgpack-writer.js';
import { CLIENT_ROWS, fromRow, SERVER_ROWS, toRow } from './rows.js';
import { asServerMessage } from './server-message.js';

export class MsgpackClientCodec implements ClientCodec {
  readonly subprotocol = MSGPACK_SUBPROTOCOL;

  encode(message: ClientMessage): readonly Frame[] {
    return [writeMsgpack(toRow(CLIENT_ROWS, message) ?? message)];
  }

  decode(frame: Frame): ServerMessage | undefined {
    const value = readMsgpack(binaryFrame(frame));
    return asServerMessage(Array.isArray(value) ? fromRow(SERVER_ROWS, value) : value);
  }
}
