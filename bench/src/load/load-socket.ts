// One WebSocket of the load client: as cheap as can be, so that the client is never what is measured.
import {
  MsgpackClientCodec,
  MSGPACK_SUBPROTOCOL,
  type ClientMessage,
  type Frame,
  type ServerMessage,
} from '@sotto/protocol';
import { WebSocket, type RawData } from 'ws';

/** All connections share one: a msgpack client codec keeps nothing between messages. */
const codec = new MsgpackClientCodec();

export interface LoadSocketHandlers {
  /** A message that is not one of the frequent rows, or each message where `decodesAll` is set. */
  message(message: ServerMessage): void;
  closed(code: number): void;
}

export interface LoadSocketOptions {
  readonly url: string;
  /** Whether acks, partials and finals are decoded too; the sockets that only make load count them unread. */
  readonly decodesAll: boolean;
  readonly openTimeoutMs: number;
}

/** Encodes a message once for any number of sockets. */
export const encodeForLoad = (message: ClientMessage): Frame => codec.encode(message)[0] ?? '';

export class LoadSocket {
  received = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects; rejects when the server refuses or does not answer in time. */
  static async open(options: LoadSocketOptions, handlers: LoadSocketHandlers): Promise<LoadSocket> {
    const socket = new WebSocket(options.url, MSGPACK_SUBPROTOCOL, {
      perMessageDeflate: false,
      handshakeTimeout: options.openTimeoutMs,
      // A mask of zeros leaves the frame as it is, so that one buffer serves all sockets (masks protect proxies; here
      // there are none).
      generateMask: (mask) => mask.fill(0),
    });
    const load = new LoadSocket(socket);
    socket.on('message', (data: RawData) => {
      load.received++;
      if (!(data instanceof Buffer)) return;
      // A frequent message is a row, a MessagePack array; a rare one is a map.
      const isRow = ((data[0] ?? 0) & 0xf0) === 0x90;
      if (isRow && !options.decodesAll) return;
      const message = codec.decode(data);
      if (message !== undefined) handlers.message(message);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    socket.on('error', () => {}); // The close handler hears of it, with its code.
    socket.on('close', (code) => handlers.closed(code));
    return load;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: Frame): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame, { binary: typeof frame !== 'string' });
  }

  /** The network is gone: nothing is said. */
  vanish(): void {
    this.#socket.terminate();
  }

  /**
   * Says goodbye, so that the server does not keep the session for a client that might come back, and waits for
   * nothing.
   */
  close(): void {
    this.#socket.close(1_000);
    this.#socket.terminate();
  }
}
