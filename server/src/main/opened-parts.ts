// What the server has opened so far, and how it is closed.

export interface Closable {
  close(): Promise<void>;
}

export class OpenedParts {
  readonly #parts: Closable[] = [];

  /** Keeps a part until the end. */
  add<T extends Closable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** Calls back at the end, in the part's turn. */
  addCallback(close: () => unknown): void {
    this.#parts.push({
      close: async () => {
        await close();
      },
    });
  }

  /** Closes all, in the reverse order of opening; rejects with the first failure, after the last part. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.#parts.splice(0).toReversed()) {
      try {
        await part.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
