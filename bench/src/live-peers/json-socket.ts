// A WebSocket that speaks JSON one way and audio the other, as the peers' do.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, type RawData } from 'ws';
import { BenchError } from '../bench-error.js';

const OPEN_TIMEOUT_MS = 30_000;

export class JsonSocket {
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  #heardAt = performance.now();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** @throws BenchError `peer_failed` */
  static async open(url: string, hears: (message: unknown) => void): Promise<JsonSocket> {
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: OPEN_TIMEOUT_MS });
    const json = new JsonSocket(socket);
    socket.on('message', (data: RawData, isBinary) => {
      json.#heardAt = performance.now();
      if (!isBinary) hears(JSON.parse(String(data)));
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', (cause) => reject(new BenchError('peer_failed', `${url}: ${cause.message}`, { cause })));
    });
    socket.on('error', () => {}); // The close handler hears of it.
    return json;
  }

  /** Resolves when the connection has ended. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  send(message: Uint8Array | string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  /** Until nothing has come for so long, or the connection has ended, or the limit is over. */
  async quiet(forMs: number, limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    this.#heardAt = performance.now();
    while (this.#socket.readyState === WebSocket.OPEN && performance.now() < until) {
      const left = forMs - (performance.now() - this.#heardAt);
      if (left <= 0) return;
      await sleep(left);
    }
  }

  close(): void {
    this.#socket.terminate();
  }
}
