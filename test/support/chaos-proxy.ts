// A TCP proxy that breaks connections at random moments and byte positions; its seed is printed, and brings the same
// draws back.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';

/** A proxy that breaks nothing by itself. */
export const CALM: ChaosOptions = { seed: 1, cuts: 0, bytesMax: 1, msMax: 1 };

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface ChaosOptions {
  readonly seed: number;
  /** Connections are broken until this many were. */
  readonly cuts: number;
  /** Bytes of one direction after which a connection breaks: up to this many. */
  readonly bytesMax: number;
  /** One in five breaks after a time instead: up to this long, milliseconds. */
  readonly msMax: number;
}

export class ChaosProxy {
  readonly #options: ChaosOptions;
  readonly #random: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  /** Sockets whose network has died without a word. */
  readonly #frozen = new WeakSet<Socket>();
  #target: number;
  /** Connections broken so far, and those that were made. */
  cuts = 0;
  connections = 0;

  private constructor(target: number, options: ChaosOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Stands before `target`, a port of this machine, until the test ends. */
  static async start(t: Test, target: number, options: ChaosOptions): Promise<ChaosProxy> {
    t.comment(`chaos with seed ${options.seed}`);
    const proxy = new ChaosProxy(target, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    t.teardown(async () => {
      for (const socket of proxy.#sockets) socket.destroy();
      proxy.#server.close();
      await once(proxy.#server, 'close');
    });
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/stream`;
  }

  /** Connections from now on lead to another port. */
  retarget(port: number): void {
    this.#target = port;
  }

  /** Breaks every connection. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing passes any more on the connections of the moment, and nobody is told; later ones work. */
  freezeAll(): void {
    for (const socket of this.#sockets) this.#frozen.add(socket);
  }

  #serve(client: Socket): void {
    this.connections++;
    const server = connect(this.#target, '127.0.0.1');
    const both = [client, server];
    for (const socket of both) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (this.#frozen.has(socket)) return;
        for (const other of both) other.destroy();
      });
    }
    let isCut = false;
    const cut = (): void => {
      if (isCut || client.destroyed || this.cuts >= this.#options.cuts) return;
      isCut = true;
      this.cuts++;
      for (const socket of both) socket.destroy();
    };
    const budgets = this.#draw(cut);
    for (const [from, to, budget] of [
      [client, server, budgets.up],
      [server, client, budgets.down],
    ] as const) {
      let left = budget;
      from.on('data', (bytes) => {
        if (isCut || this.#frozen.has(from)) return;
        if (bytes.length < left || this.cuts >= this.#options.cuts) {
          left -= bytes.length;
          to.write(bytes);
          return;
        }
        // The first part gets through: the cut falls between two bytes, mostly inside a frame.
        isCut = true;
        this.cuts++;
        to.write(bytes.subarray(0, left), () => both.forEach((socket) => socket.destroy()));
        from.destroy();
      });
      from.on('end', () => {
        if (!this.#frozen.has(from)) to.end();
      });
    }
  }

  /** Where a new connection breaks. */
  #draw(cut: () => void): { up: number; down: number } {
    const { bytesMax, msMax } = this.#options;
    const kind = this.#random();
    const amount = this.#random();
    // The first connection gets as far as a session: before that there is nothing to resume.
    const spared = this.connections === 1 ? 1 : 0;
    if (kind < 0.2) setTimeout(cut, amount * msMax + spared * 100).unref();
    return {
      up: kind >= 0.2 && kind < 0.7 ? Math.ceil(amount * bytesMax) + spared * 2_000 : Infinity,
      // Answers are few beside audio.
      down: kind >= 0.7 ? Math.ceil((amount * bytesMax) / 32) + spared * 2_000 : Infinity,
    };
  }
}
