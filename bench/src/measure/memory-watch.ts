// Watches the memory of a process tree while something runs.
import type { TreeUsage } from './process-tree.js';

const SAMPLE_INTERVAL_MS = 500;
/** Samples that are kept: a bench of an hour. Later ones are not taken. */
const SAMPLES_MAX = 7_200;

/** Samples a usage at an even pace until it is stopped. */
export class MemoryWatch {
  readonly #samples: TreeUsage[] = [];
  readonly #timer: NodeJS.Timeout;
  #isSampling = false;
  readonly #read: () => Promise<TreeUsage | undefined>;

  constructor(read: () => Promise<TreeUsage | undefined>) {
    this.#read = read;
    this.#timer = setInterval(() => void this.#sample(), SAMPLE_INTERVAL_MS);
  }

  async #sample(): Promise<void> {
    if (this.#isSampling || this.#samples.length >= SAMPLES_MAX) return;
    this.#isSampling = true;
    const usage = await this.#read();
    if (usage !== undefined) this.#samples.push(usage);
    this.#isSampling = false;
  }

  /** Ends the watch; the samples, oldest first. May be called twice. */
  stop(): readonly TreeUsage[] {
    clearInterval(this.#timer);
    return this.#samples;
  }
}
