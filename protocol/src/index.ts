// The public face of @sotto/protocol.
export * from './close-codes.js';
export * from './errors.js';
export * from './limits.js';
export * from './messages.js';
