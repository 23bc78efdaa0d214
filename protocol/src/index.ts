// The public face of @sotto/protocol.
export * from './audio-format.js';
export * from './close-codes.js';
export * from './coded-error.js';
export * from './codec/choose-codec.js';
export type { ClientCodec, Frame, ServerCodec } from './codec/codec.js';
export * from './codec/json-client-codec.js';
export * from './codec/json-server-codec.js';
export * from './codec/msgpack-client-codec.js';
export * from './codec/msgpack-server-codec.js';
export * from './error-message.js';
export * from './errors.js';
export * from './events.js';
export * from './join-texts.js';
export * from './limits.js';
export * from './merge-settings.js';
export * from './messages.js';
export * from './rewriting.js';
export * from './version.js';
