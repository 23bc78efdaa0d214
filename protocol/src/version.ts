// The version of the protocol and the WebSocket subprotocols that carry it.

/** The major version: it changes when an old client could misunderstand a new server. */
export const PROTOCOL_VERSION = 1;

/** MessagePack frames: audio and messages alike are binary. The default when a client offers no subprotocol. */
export const MSGPACK_SUBPROTOCOL = 'sotto.v1.msgpack';
/** JSON text frames; audio is the raw binary frame. */
export const JSON_SUBPROTOCOL = 'sotto.v1.json';

/** Begins the subprotocol that carries a client's token (rule HS11). */
export const TOKEN_SUBPROTOCOL_PREFIX = 'sotto.token.';

/** In the order in which a server prefers them. */
export const SUBPROTOCOLS = [MSGPACK_SUBPROTOCOL, JSON_SUBPROTOCOL] as const;

export type Subprotocol = (typeof SUBPROTOCOLS)[number];

/**
 * The subprotocol of a connection: the first one offered that this version knows, msgpack when the client offers none,
 * undefined when it offers only others (rule HS3).
 */
export function chooseSubprotocol(offered: readonly string[]): Subprotocol | undefined {
  if (offered.length === 0) return MSGPACK_SUBPROTOCOL;
  return SUBPROTOCOLS.find((known) => known === offered.find((name) => SUBPROTOCOLS.some((it) => it === name)));
}
