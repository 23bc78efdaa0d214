// One request of an address per turn of the event loop is begun at once; those behind it wait for the next turn.

/**
 * uWebSockets.js hands on all requests of one read (a thousand fit) before it looks at another socket, and drops a
 * connection that sends one more while an answer is missing. So a request that waits for the next turn ends a
 * connection that is full of them, and costs all others nothing.
 */
export class LoopTurn {
  readonly #addresses = new Set<string>();
  #next: Promise<void> | undefined;

  /** What a request of this address has to wait for; undefined: nothing. */
  enter(address: string): Promise<void> | undefined {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        this.#addresses.clear();
        resolve();
      });
    });
    if (this.#addresses.has(address)) return this.#next;
    this.#addresses.add(address);
    return undefined;
  }
}
