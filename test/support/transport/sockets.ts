// A transport with WebSockets for the parts of its contract, and clients of it.
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket, type ClientOptions } from 'ws';
import type {
  SocketHandlers,
  Transport,
  TransportHandlers,
  TransportOptions,
  TransportSocket,
  UpgradeRequest,
} from '../../../server/src/transport/transport.js';
import { until } from '../until.js';

export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export type Create = (options: TransportOptions) => Transport;

/** A WebSocket's handshake, for clients that are no WebSocket. */
export const UPGRADE =
  'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n';

/** A server-side socket with what its handlers were told. */
export interface Accepted {
  readonly socket: TransportSocket;
  readonly request: UpgradeRequest;
  readonly messages: { data: Uint8Array; isBinary: boolean }[];
  readonly closed: number[];
  pongs: number;
  pings: number;
  drains: number;
  onMessage: (() => void) | undefined;
}

export function handlersWith(overrides: Partial<TransportHandlers>): TransportHandlers {
  return {
    request: () => ({ status: 200, contentType: 'text/plain', body: 'ok' }),
    upgrade: () => ({ accepted: false, response: { status: 404, contentType: 'text/plain', body: '' } }),
    failed: () => {},
    ...overrides,
  };
}

/** A server with what its sockets were told. */
export async function serve(t: Test, create: Create, overrides: Partial<TransportHandlers> = {}, subprotocol = '') {
  const accepted: Accepted[] = [];
  const handlers = handlersWith({
    upgrade: (request) => {
      // Everything of the request is read now: it may not outlive the call.
      const kept: UpgradeRequest = { ...request };
      return { accepted: true, subprotocol, open: (socket) => accept(socket, kept, accepted) };
    },
    ...overrides,
  });
  const transport = create({ handlers, messageBytesMax: MESSAGE_BYTES_MAX, closeTimeoutMs: 500 });
  const port = await transport.listen(0, '127.0.0.1');
  t.teardown(() => transport.close());
  const url = `ws://127.0.0.1:${port}`;
  return {
    transport,
    port,
    url,
    http: `http://127.0.0.1:${port}`,
    accepted,
    only(): Accepted {
      const [first, ...rest] = accepted;
      if (first === undefined || rest.length > 0) throw new Error(`expected one socket, found ${accepted.length}`);
      return first;
    },
    async connect(options: { path?: string; protocols?: string[] } & ClientOptions = {}): Promise<WebSocket> {
      const { path = '/', protocols = [], ...rest } = options;
      const client = new WebSocket(url + path, protocols, rest);
      t.teardown(() => client.terminate());
      const before = accepted.length;
      await once(client, 'open');
      await until(() => accepted.length > before);
      return client;
    },
  };
}

function accept(socket: TransportSocket, request: UpgradeRequest, accepted: Accepted[]): SocketHandlers {
  const one: Accepted = {
    socket,
    request,
    messages: [],
    closed: [],
    pongs: 0,
    pings: 0,
    drains: 0,
    onMessage: undefined,
  };
  accepted.push(one);
  return {
    message: (data, isBinary) => {
      one.messages.push({ data, isBinary });
      one.onMessage?.();
    },
    drained: () => void one.drains++,
    pong: () => void one.pongs++,
    pinged: () => void one.pings++,
    closed: (code) => void one.closed.push(code),
  };
}

export const messages = (accepted: Accepted, count: number): Promise<void> =>
  until(() => accepted.messages.length >= count);

/** Resolves when the server has told all that had happened so far: what another client sends comes after it. */
export async function allTold(server: Awaited<ReturnType<typeof serve>>): Promise<void> {
  const client = await server.connect();
  const accepted = server.accepted.at(-1) as Accepted;
  client.send('last');
  await messages(accepted, 1);
}

/** What a client gets, as text; bytes are marked. */
export function collect(client: WebSocket): string[] {
  const got: string[] = [];
  client.on('message', (data, isBinary) => got.push(isBinary ? `binary ${String(data)}` : String(data)));
  return got;
}
