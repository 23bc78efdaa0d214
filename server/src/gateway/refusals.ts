// How the gateway refuses: answers to requests and upgrades, and words on sockets that are closed at once.
import {
  CLOSE,
  createServerCodec,
  errorMessage,
  type CloseReason,
  type ErrorCode,
  type ErrorMessage,
  type Frame,
  type Subprotocol,
} from '@sotto/protocol';
import type { Refusal as KeyRefusal } from '../access/principal.js';
import type { WholeResponse } from '../http/exchange.js';
import { errorResponse, HttpError } from '../http/http-error.js';
import { nearestAddress } from '../http/path-variants.js';
import type { Route } from '../http/router.js';
import type { SocketHandlers, TransportSocket } from '../transport/transport.js';

/** Told on the socket, and not by HTTP: a browser cannot read why an upgrade was refused (rule HS13). */
export function turnAway(
  socket: TransportSocket,
  said: Frame,
  { code, reason }: Pick<CloseReason, 'code' | 'reason'>,
): SocketHandlers {
  socket.send(said, typeof said !== 'string');
  socket.close(code, reason);
  return { message: () => {}, drained: () => {}, pong: () => {}, pinged: () => {}, closed: () => {} };
}

/** An error as the client's subprotocol has it. */
export function told(subprotocol: Subprotocol, error: ErrorMessage): Frame {
  return createServerCodec(subprotocol).encode(error);
}

/** What a client without a key that does is told, and how its socket is closed. */
export function keyRefusal(refusal: KeyRefusal, subprotocol: Subprotocol): [Frame, CloseReason] {
  const isForbidden = refusal === 'forbidden';
  const error = errorMessage(isForbidden ? 'forbidden' : 'unauthorized', KEY_REFUSALS[refusal]);
  return [told(subprotocol, error), isForbidden ? CLOSE.forbidden : CLOSE.unauthorized];
}

const KEY_REFUSALS: Readonly<Record<KeyRefusal, string>> = {
  missing: 'This server requires a key or a token.',
  unknown: 'The key or token is not known: it is wrong, or it was revoked.',
  expired: 'The token has expired.',
  forbidden: 'The key or token is not for this.',
};

/** Says which address may have been meant. */
export function notFound(path: string, routes: readonly Route[]): WholeResponse {
  const nearest = nearestAddress(path, routes);
  const hint = nearest === undefined ? 'See / and /docs.' : `The nearest address is ${nearest.method} ${nearest.path}.`;
  return refusal(404, 'not_found', `There is no such page. ${hint}`);
}

/** The connection ends with it, and with the requests that wait in it. */
export const TOO_MANY_REQUESTS = refusal(
  429,
  'too_many_requests',
  'This address sends more requests per second than the server takes (--requests-per-second-max): wait a second.',
  { 'retry-after': '1', connection: 'close' },
);

/** Why there is no session. */
export const REFUSALS = {
  starting: unavailable('overloaded', 'The model is still loading.'),
  draining: unavailable('shutting_down', 'The server is shutting down.'),
  full: unavailable('overloaded', 'All connections are taken.'),
} as const;

function unavailable(code: ErrorCode, message: string): WholeResponse {
  return refusal(503, code, message, { 'retry-after': '1' });
}

/** A path of WebSockets, asked for as plain HTTP. */
export function webSocketOnly(path: string): Route {
  const response = refusal(426, 'upgrade_required', 'This is a WebSocket endpoint.', { upgrade: 'websocket' });
  return { method: 'GET', path, always: true, handle: () => response };
}

/** An answer with a code and a sentence. */
export function refusal(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): WholeResponse {
  return errorResponse(new HttpError(status, code, message, headers));
}
