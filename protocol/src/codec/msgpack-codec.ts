// The default codec: every message is one binary frame of plain MessagePack.
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { ProtocolError } from '../errors.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { MSGPACK_SUBPROTOCOL } from '../version.js';
import { parseClientMessage } from './client-message.js';
import type { ClientCodec, Frame, ServerCodec } from './codec.js';
import { assertPlainMsgpack } from './plain-msgpack.js';
import { CLIENT_ROWS, fromRow, SERVER_ROWS, toRow, type RowTable } from './rows.js';
import { asServerMessage } from './server-message.js';

// Without records or structures neither learns anything from a message, so that all connections may share them.
// The entries 'pack' and 'unpack' leave out msgpackr's native string extractor: hostile bytes meet memory-safe code only.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

export class MsgpackServerCodec implements ServerCodec {
  readonly subprotocol = MSGPACK_SUBPROTOCOL;

  decode(frame: Frame): ClientMessage {
    const value = unpack(frame);
    if (!Array.isArray(value)) return parseClientMessage(value);
    const message = fromRow(CLIENT_ROWS, value);
    if (message === undefined) throw new ProtocolError('unknown_message', 'There is no row of this number.');
    return parseClientMessage(message);
  }

  encode(message: ServerMessage): Frame {
    return pack(SERVER_ROWS, message);
  }
}

export class MsgpackClientCodec implements ClientCodec {
  readonly subprotocol = MSGPACK_SUBPROTOCOL;

  encode(message: ClientMessage): readonly Frame[] {
    return [pack(CLIENT_ROWS, message)];
  }

  decode(frame: Frame): ServerMessage | undefined {
    const value = unpack(frame);
    return asServerMessage(Array.isArray(value) ? fromRow(SERVER_ROWS, value) : value);
  }
}

function pack(rows: RowTable, message: ClientMessage | ServerMessage): Uint8Array {
  return packr.pack(toRow(rows, message) ?? message);
}

function unpack(frame: Frame): unknown {
  if (typeof frame === 'string') {
    throw new ProtocolError(
      'malformed_message',
      `${MSGPACK_SUBPROTOCOL} has no text frames; did you mean the JSON subprotocol?`,
    );
  }
  assertPlainMsgpack(frame);
  try {
    return unpackr.unpack(frame);
  } catch (cause) {
    throw new ProtocolError('malformed_message', 'The MessagePack frame cannot be read.', { cause });
  }
}
