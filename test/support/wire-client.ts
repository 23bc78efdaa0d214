// A WebSocket client for tests that speaks either subprotocol and can also say what no honest client would.
import { once } from 'node:events';
import {
  JsonClientCodec,
  MsgpackClientCodec,
  type ClientCodec,
  type ClientMessage,
  type ServerMessage,
} from '@sotto/protocol';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { until } from './until.js';

export type WireEncoding = 'msgpack' | 'json';

type MessageOf<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

export class WireClient {
  /** Everything that came, in order. */
  readonly received: ServerMessage[] = [];
  readonly #byType = new Map<ServerMessage['type'], ServerMessage[]>();
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #codec: ClientCodec;
  readonly socket: WebSocket;
  /** Pings of the server's heartbeat that have come; each has been answered when it is counted. */
  pings = 0;

  constructor(socket: WebSocket, encoding: WireEncoding) {
    this.socket = socket;
    this.#codec = encoding === 'json' ? new JsonClientCodec() : new MsgpackClientCodec();
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', () => {});
    socket.on('ping', () => this.pings++);
    socket.on('message', (data: Buffer, isBinary) => {
      const message = this.#codec.decode(isBinary ? data : data.toString());
      if (message === undefined) return;
      this.received.push(message);
      const same = this.#byType.get(message.type);
      if (same === undefined) this.#byType.set(message.type, [message]);
      else same.push(message);
    });
  }

  send(...messages: ClientMessage[]): void {
    for (const message of messages) for (const frame of this.#codec.encode(message)) this.socket.send(frame);
  }

  /** A frame as it is. */
  raw(frame: Uint8Array | string): void {
    this.socket.send(frame);
  }

  all<T extends ServerMessage['type']>(type: T): MessageOf<T>[] {
    return [...this.#of(type)];
  }

  /** The next message of a type that has come or comes within ten seconds; `index` 1 is the second one. */
  async next<T extends ServerMessage['type']>(type: T, index = 0): Promise<MessageOf<T>> {
    await until(
      () => this.#of(type).length > index,
      () => `${type} #${index} (got ${this.received.map((m) => m.type).join(', ')})`,
    );
    return this.#of(type)[index] as MessageOf<T>;
  }

  /** What is due now makes the server ping; resolves when the ping has come, and its answer is on its way. */
  async pingedBy(advance: () => void): Promise<void> {
    const before = this.pings;
    advance();
    await until(() => this.pings > before, 'a ping');
  }

  #of<T extends ServerMessage['type']>(type: T): readonly MessageOf<T>[] {
    return (this.#byType.get(type) ?? []) as MessageOf<T>[];
  }
}

/** Connects and waits for the upgrade. `protocols`: what is offered, when it is not just that of the encoding. */
export async function connectWire(
  t: Test,
  url: string,
  encoding: WireEncoding = 'msgpack',
  protocols: string[] = [`sotto.v1.${encoding}`],
): Promise<WireClient> {
  const socket = new WebSocket(url, protocols);
  t.teardown(() => socket.terminate());
  const client = new WireClient(socket, encoding);
  await once(socket, 'open');
  return client;
}

/** The status with which an upgrade was refused. */
export async function refusedUpgrade(url: string, protocols: string[] = []): Promise<number> {
  const socket = new WebSocket(url, protocols);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  socket.terminate();
  return response.statusCode;
}
