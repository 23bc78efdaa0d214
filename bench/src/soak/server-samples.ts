// Memory and file handles of a server and its children over time.
import { median } from '../measure/statistics.js';
import { openFiles } from '../measure/process-tree.js';
import type { BenchServer } from '../server/bench-server.js';

interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
  readonly handles: number;
}

const INTERVAL_MS = 2_000;

export class ServerSamples {
  readonly #samples: Sample[] = [];
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #server: BenchServer;
  #isSampling = false;

  constructor(server: BenchServer) {
    this.#server = server;
    this.#timer = setInterval(() => void this.#sample(), INTERVAL_MS);
  }

  /** May be called twice. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Medians of a stretch of the run, milliseconds; undefined where nothing was measured. */
  between(fromMs: number, toMs: number): { readonly rssBytes: number; readonly handles: number } | undefined {
    const within = this.#samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    if (within.length === 0) return undefined;
    return {
      rssBytes: median(within.map(({ rssBytes }) => rssBytes)),
      handles: median(within.map(({ handles }) => handles)),
    };
  }

  async #sample(): Promise<void> {
    if (this.#isSampling) return;
    this.#isSampling = true;
    const usage = await this.#server.usage();
    if (usage !== undefined) {
      const handles = await openFiles(usage.processes.map(({ pid }) => pid));
      this.#samples.push({ atMs: performance.now() - this.#startedAt, rssBytes: usage.rssBytes, handles });
    }
    this.#isSampling = false;
  }
}
