// Home Assistant's protocol, Wyoming, on a TCP port of its own: sessions are those of the sockets.
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Logger } from 'pino';
import type { SessionSink } from '../../session/session-port.js';
import { WyomingConversation, type OpenedStream } from './conversation.js';
import { encodeEvent, readEvents, WyomingError, type Send } from './wire.js';

export interface WyomingOptions {
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  /** Opens a stream for a client at this address. Throws CodedError where it may have none now. */
  readonly open: (sink: SessionSink, address: string) => OpenedStream;
  readonly limits: {
    readonly messageBytesMax: number;
    readonly bufferedAudioMsMax: number;
    readonly outboxBytesMax: number;
    readonly idleTimeoutMs: number;
  };
  readonly log: Logger;
}

/** Connections at a time. Beyond: closed at once. A home has a handful. */
const CLIENTS_MAX = 256;
/** How long a refused client is still read, milliseconds. */
const LINGER_MS = 2_000;

interface Client {
  readonly socket: Socket;
  readonly conversation: WyomingConversation;
}

export class WyomingServer {
  readonly #options: WyomingOptions;
  readonly #server: Server;
  readonly #clients = new Set<Client>();

  constructor(options: WyomingOptions) {
    this.#options = options;
    // A client may end its side after `audio-stop` and still reads the transcript.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.#serve(socket));
    this.#server.maxConnections = CLIENTS_MAX;
  }

  /** Resolves with the port. Rejects with the system's error. */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** Takes no new client; the recordings under way end with what was said so far. */
  async drain(): Promise<void> {
    this.#server.close();
    await Promise.all(
      [...this.#clients].map(async ({ socket, conversation }) => {
        await conversation.drain();
        socket.end();
      }),
    );
  }

  /** Drops what is left. May be called twice. */
  async close(): Promise<void> {
    this.#server.close();
    for (const { socket } of this.#clients) socket.destroy();
  }

  async #serve(socket: Socket): Promise<void> {
    const { model, limits, log, open } = this.#options;
    const send: Send = (type, fields) => {
      if (socket.writableEnded || socket.destroyed) return;
      if (socket.writableLength > limits.outboxBytesMax) socket.destroy();
      else socket.write(encodeEvent(type, fields));
    };
    const address = socket.remoteAddress ?? '';
    const conversation = new WyomingConversation({
      model,
      open: (sink) => open(sink, address),
      backlogMsMax: limits.bufferedAudioMsMax,
      send,
    });
    const client = { socket, conversation };
    this.#clients.add(client);
    socket.on('error', (error) => log.debug({ err: error }, 'a Wyoming client is lost'));
    socket.on('close', () => {
      conversation.abandon();
      this.#clients.delete(client);
    });
    socket.setTimeout(limits.idleTimeoutMs, () => socket.destroy());
    // Without its own end: the transcript may still be on its way.
    const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    try {
      for await (const event of readEvents(chunks, limits.messageBytesMax)) await conversation.take(event);
      socket.end();
    } catch (error) {
      if (!socket.destroyed) await this.#refuse(socket, send, error, chunks);
    } finally {
      conversation.abandon();
    }
  }

  /** Tells what is wrong, and ends the connection. */
  async #refuse(socket: Socket, send: Send, error: unknown, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { log } = this.#options;
    if (error instanceof WyomingError) {
      log.info({ error: error.code }, 'ending a Wyoming connection');
      send('error', { text: error.message, code: error.code });
    } else {
      log.error({ err: error }, 'a Wyoming client could not be served');
      send('error', { text: 'The server failed on this connection.', code: 'internal' });
    }
    socket.end();
    // Bytes that lie unread when a socket closes take the answer with them: they are read away, for a while.
    const patience = setTimeout(() => socket.destroy(), LINGER_MS);
    try {
      for await (const chunk of chunks) void chunk;
    } catch {
      // The connection is over, one way or the other.
    }
    clearTimeout(patience);
    socket.destroySoon();
  }
}
