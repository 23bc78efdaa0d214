// A real WebSocket server that speaks the real codecs and says what a test tells it to.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  chooseSubprotocol,
  createServerCodec,
  type ClientMessage,
  type Frame,
  type ReadyMessage,
  type ServerMessage,
} from '@sotto/protocol';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Test } from 'tap';

/** The server's side of one connection. */
export interface WirePeer {
  readonly subprotocol: string;
  /** All that the client has said, in order. */
  readonly received: readonly ClientMessage[];
  send(...messages: ServerMessage[]): void;
  /** Sends a frame as it is, message or not. */
  sendFrame(frame: Frame): void;
  close(code: number, reason?: string): void;
  /** Breaks the TCP connection. */
  terminate(): void;
}

/** What a test's server does with each message. */
export type WireScript = (message: ClientMessage, peer: WirePeer) => void;

export const READY: ReadyMessage = {
  type: 'ready',
  version: 1,
  sessionId: 's1',
  model: 'scripted',
  languages: ['en'],
  limits: { messageBytesMax: 1_048_576, bufferedAudioMsMax: 1_000 },
};

/** Starts a server on a free port until the test ends. `url` is its stream; `peers` grow with each connection. */
export async function startWireServer(t: Test, script: WireScript): Promise<{ url: string; peers: WirePeer[] }> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => chooseSubprotocol([...offered]) ?? false,
  });
  const peers: WirePeer[] = [];
  server.on('connection', (socket) => peers.push(serve(socket, script)));
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, 'close');
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/stream`, peers };
}

function serve(socket: WebSocket, script: WireScript): WirePeer {
  const codec = createServerCodec(
    chooseSubprotocol(socket.protocol === '' ? [] : [socket.protocol]) ?? 'sotto.v1.msgpack',
  );
  const received: ClientMessage[] = [];
  const peer: WirePeer = {
    subprotocol: socket.protocol,
    received,
    send: (...messages) => messages.forEach((message) => socket.send(codec.encode(message))),
    sendFrame: (frame) => socket.send(frame),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
  socket.on('error', () => socket.terminate());
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const message = codec.decode(isBinary ? data : data.toString());
    if (message === undefined) return;
    received.push(message);
    script(message, peer);
  });
  return peer;
}
