// Tells a leak from noise: the floor of the process's memory late in a run against its floor earlier.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

export class MemoryTrend {
  readonly #samples: number[] = [];

  /** Call at regular points of the run; collects garbage first, which takes some milliseconds. */
  sample(): void {
    if (typeof collectGarbage === 'function') collectGarbage();
    this.#samples.push(process.memoryUsage().rss / 2 ** 20);
  }

  /**
   * MiB by which the lowest of the last third lies above the lowest of the second. The first third is for warming up.
   */
  get growth(): number {
    const third = Math.floor(this.#samples.length / 3);
    return Math.min(...this.#samples.slice(2 * third)) - Math.min(...this.#samples.slice(third, 2 * third));
  }

  toString(): string {
    return `${this.#samples.map((mib) => mib.toFixed(0)).join(' ')} MiB`;
  }
}
