// The server's end of the default subprotocol: every message is one binary frame of plain MessagePack.
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { ProtocolError } from '../errors.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { MSGPACK_SUBPROTOCOL } from '../version.js';
import { parseClientMessage } from './client-message.js';
import { binaryFrame, type Frame, type ServerCodec } from './codec.js';
import { assertPlainMsgpack } from './plain-msgpack.js';
import { CLIENT_ROWS, fromRow, SERVER_ROWS, toRow } from './rows.js';

// Without records or structures neither learns anything from a message, so that all connections may share them. The
// entries 'pack' and 'unpack' leave out msgpackr's native string extractor: hostile bytes meet memory-safe code only.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

export class MsgpackServerCodec implements ServerCodec {
  readonly subprotocol = MSGPACK_SUBPROTOCOL;

  decode(frame: Frame): ClientMessage {
    const value = unpack(binaryFrame(frame));
    if (!Array.isArray(value)) return parseClientMessage(value);
    const message = fromRow(CLIENT_ROWS, value);
    if (message === undefined) throw new ProtocolError('unknown_message', 'There is no row of this number.');
    return parseClientMessage(message);
  }

  encode(message: ServerMessage): Frame {
    return packr.pack(toRow(SERVER_ROWS, message) ?? message);
  }
}

function unpack(frame: Uint8Array): unknown {
  assertPlainMsgpack(frame);
  try {
    return unpackr.unpack(frame);
  } catch (cause) {
    throw new ProtocolError('malformed_message', 'The MessagePack frame cannot be read.', { cause });
  }
}
