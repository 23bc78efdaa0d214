// Gathers what is said in one turn of the event loop: it goes out as one message.

export class GatheredMessages<M> {
  #waiting: M[] = [];
  readonly #send: (messages: readonly M[]) => void;
  readonly #later: (flush: () => void) => void;

  /** @param later calls back at the end of the turn. Default: Node's own */
  constructor(send: (messages: readonly M[]) => void, later: (flush: () => void) => void = setImmediate) {
    this.#send = send;
    this.#later = later;
  }

  add(message: M): void {
    this.#waiting.push(message);
    if (this.#waiting.length === 1) this.#later(() => this.#flush());
  }

  #flush(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    this.#send(messages);
  }
}
