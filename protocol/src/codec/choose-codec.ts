// Makes the codec of a connection from its subprotocol, for the server.
import { JSON_SUBPROTOCOL, type Subprotocol } from '../version.js';
import type { ServerCodec } from './codec.js';
import { JsonServerCodec } from './json-server-codec.js';
import { MsgpackServerCodec } from './msgpack-server-codec.js';

/** A fresh codec for one connection. A client names its codec class instead, so that its bundle holds only that one. */
export function createServerCodec(subprotocol: Subprotocol): ServerCodec {
  return subprotocol === JSON_SUBPROTOCOL ? new JsonServerCodec() : new MsgpackServerCodec();
}
