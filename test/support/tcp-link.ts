// The way of TCP connections to a server of this machine, which a test holds up, cuts, or lets die without a word.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';

export class TcpLink {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  /** Sockets whose network is dead: nothing passes, and nobody is told. */
  readonly #dead = new WeakSet<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #held: (() => void)[] = [];
  #isHeld = false;
  #isCut = false;
  /** How late answers are, milliseconds. */
  lateMs = 0;

  private constructor(target: number) {
    this.#target = target;
  }

  /** Stands before `target`, a port of this machine, until the test ends. */
  static async start(t: Test, target: number): Promise<TcpLink> {
    const link = new TcpLink(target);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    t.teardown(async () => {
      for (const socket of link.#sockets) socket.destroy();
      link.#server.close();
      await once(link.#server, 'close');
    });
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What is asked arrives, but no answer comes back until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    for (const pass of this.#held.splice(0)) pass();
  }

  /** Breaks every connection, and each that is made until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** The connections of the moment are dead from now on; later ones work. */
  freeze(): void {
    for (const socket of this.#sockets) this.#dead.add(socket);
  }

  #serve(client: Socket): void {
    if (this.#isCut) return void client.destroy();
    const server = connect(this.#target, '127.0.0.1');
    this.#join(client, server, (pass) => pass());
    this.#join(server, client, this.#holding());
  }

  /** Lets answers pass in their order, late or held. */
  #holding(): (pass: () => void) => void {
    let before = Promise.resolve();
    return (pass) => {
      const dueAt = performance.now() + this.lateMs;
      before = this.#passLater(before, dueAt, pass);
    };
  }

  async #passLater(before: Promise<void>, dueAt: number, pass: () => void): Promise<void> {
    await before;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (this.#isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    pass();
  }

  #join(from: Socket, to: Socket, onward: (pass: () => void) => void): void {
    from.setNoDelay(true);
    this.#sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (bytes) => {
      if (!this.#dead.has(from)) onward(() => void (to.destroyed || this.#dead.has(from) || to.write(bytes)));
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!this.#dead.has(from)) to.destroy();
    });
  }
}
