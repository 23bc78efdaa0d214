// What a client needs of the protocol: types, its ends of the codecs, and no schema. Whatever a bundler makes of it,
// also one that leaves nothing out, the validation library and the server's codec stay away.
export { bytesPerFrame } from '../audio-format.js';
export { CLOSE } from '../close-codes.js';
export type { ClientCodec, Frame } from '../codec/codec.js';
export { JsonClientCodec } from '../codec/json-client-codec.js';
export { MsgpackClientCodec } from '../codec/msgpack-client-codec.js';
export { ProtocolError, type ErrorCode } from '../errors.js';
export { isCounted, isEvent } from '../events.js';
export { joinTexts } from '../join-texts.js';
export type * from '../messages.js';
export { TOKEN_SUBPROTOCOL_PREFIX } from '../version.js';
