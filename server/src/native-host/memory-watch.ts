// Looks at the memory of another process while it works.
import { residentBytes } from './memory-by-process.js';

/** How often, milliseconds: between two looks a process can take some hundred megabytes. */
const WATCH_MS = 100;

export class MemoryWatch {
  readonly #pid: number;
  readonly #maxBytes: number;
  readonly #onOver: (bytes: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #isResting = true;

  /** @param onOver called with what the process holds when that is more than `maxBytes` */
  constructor(pid: number, maxBytes: number, onOver: (bytes: number) => void) {
    this.#pid = pid;
    this.#maxBytes = maxBytes;
    this.#onOver = onOver;
  }

  /** The process has something to do. */
  work(): void {
    this.#isResting = false;
    this.#timer ??= setInterval(() => this.#look(), WATCH_MS).unref();
  }

  /** The process has nothing to do; the watch ends when it still has nothing at the next look. */
  rest(): void {
    this.#isResting = true;
  }

  #look(): void {
    const bytes = this.#isResting ? undefined : residentBytes(this.#pid);
    if (bytes !== undefined && bytes <= this.#maxBytes) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (bytes !== undefined) this.#onOver(bytes);
  }
}
