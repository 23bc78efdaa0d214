// Looks at the memory of another process while it works.
import { readFileSync } from 'node:fs';

/** How often, milliseconds: between two looks a process can take some hundred megabytes. */
const WATCH_MS = 100;
/** Linux counts pages of this size, bytes, on x64 and in most builds for ARM. */
const PAGE_BYTES = 4_096;

export class MemoryWatch {
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #onOver: (bytes: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #isResting = true;

  /** @param onOver called with what the process holds when that is more than `maxBytes` */
  constructor(pid: number, maxBytes: number, onOver: (bytes: number) => void) {
    this.#file = `/proc/${pid}/statm`;
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
    const bytes = this.#isResting ? undefined : residentBytes(this.#file);
    if (bytes !== undefined && bytes <= this.#maxBytes) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (bytes !== undefined) this.#onOver(bytes);
  }
}

/** Undefined where the process is gone, or the system does not tell. */
function residentBytes(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return undefined;
  }
}
