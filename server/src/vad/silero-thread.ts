// A thread of the detector, as the server's thread sees it: one run at a time; one that dies is replaced.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FromSilero, SileroThreadData, ToSilero } from './serve-silero.js';
import type { SileroMemory, SileroPage } from './silero-memory.js';
import { VadError } from './vad-error.js';

export interface SileroThreadOptions {
  /** For tests: the module of the thread, and what it is given. */
  readonly module?: string;
  readonly extra?: unknown;
}

const MODULE = new URL(`./silero-thread-main${extname(import.meta.url)}`, import.meta.url).href;

export class SileroThread {
  readonly #options: SileroThreadOptions;
  readonly #memory: SileroMemory;
  readonly #pages: SileroPage[] = [];
  /** How many of them the worker has. */
  #sent = 0;
  /** Undefined: it died, and the next run starts another. */
  #worker: Promise<Worker> | undefined;
  /** Who waits for its answer. */
  #asking: Asking | undefined;
  #isClosed = false;

  /** @param memory to which the caller adds the pages that it adds here */
  constructor(memory: SileroMemory, options: SileroThreadOptions = {}) {
    this.#memory = memory;
    this.#options = options;
  }

  /** Resolves when the model is loaded. Rejects with VadError where it cannot be. */
  async start(): Promise<void> {
    await this.#started();
  }

  add(page: SileroPage): void {
    this.#pages.push(page);
  }

  /**
   * Judges the frames in some places, whose probability is NaN. Where the thread dies, those that it has not judged are
   * judged by another one, with what the dead one remembered. Rejects with VadError `vad_failed` when the model fails,
   * or the second thread.
   */
  async run(places: Uint32Array): Promise<void> {
    try {
      await this.#ask(places);
    } catch (error) {
      if (!(error instanceof ThreadDied) || this.#isClosed) throw failed(error);
      const rest = places.filter((place) => Number.isNaN(this.#memory.answer(place)[0]));
      await this.#ask(rest).catch((again: unknown) => {
        throw failed(again);
      });
    }
  }

  /** Ends when the thread has ended. No run is under way then. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = await this.#worker?.catch(() => undefined);
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    worker.postMessage('close' satisfies ToSilero, []);
    await ended;
  }

  #started(): Promise<Worker> {
    this.#worker ??= this.#open().catch((error: unknown) => {
      this.#worker = undefined;
      throw failed(error);
    });
    return this.#worker;
  }

  async #open(): Promise<Worker> {
    const data: SileroThreadData = { pages: [...this.#pages], extra: this.#options.extra };
    const worker = startWorker(this.#options.module ?? MODULE, data);
    this.#sent = data.pages.length;
    let cause: unknown;
    worker.on('message', (message: FromSilero) => {
      const asking = this.#answered();
      if (typeof message === 'string') asking?.resolve();
      else asking?.reject(new Error(message.failure));
    });
    // An error without a listener would end the server.
    worker.on('error', (error) => (cause = error));
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#answered()?.reject(new ThreadDied('the thread ended', { cause }));
    });
    await this.#answer();
    worker.unref();
    return worker;
  }

  async #ask(places: Uint32Array): Promise<void> {
    const worker = await this.#started();
    // The process goes on while somebody waits for it.
    worker.ref();
    for (const page of this.#pages.slice(this.#sent)) worker.postMessage({ page } satisfies ToSilero, []);
    this.#sent = this.#pages.length;
    worker.postMessage(places satisfies ToSilero, []);
    try {
      await this.#answer();
    } finally {
      worker.unref();
    }
  }

  /** Resolves when the thread says that something is done. Rejects where it says a failure, or ends. */
  #answer(): Promise<void> {
    return new Promise((resolve, reject) => (this.#asking = { resolve, reject }));
  }

  #answered(): Asking | undefined {
    const asking = this.#asking;
    this.#asking = undefined;
    return asking;
  }
}

interface Asking {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Threads do not inherit the loader of TypeScript that a checkout runs with: there it is registered anew. */
function startWorker(module: string, workerData: SileroThreadData): Worker {
  if (!module.endsWith('.ts')) return new Worker(new URL(module), { name: 'silero', workerData });
  const [loader, main] = [import.meta.resolve('tsx/esm/api'), module].map((url) => JSON.stringify(url));
  const code = `import(${loader}).then(({ register }) => (register(), import(${main})))`;
  return new Worker(code, { name: 'silero', workerData, eval: true });
}

class ThreadDied extends Error {}

function failed(cause: unknown): VadError {
  return cause instanceof VadError
    ? cause
    : new VadError('vad_failed', 'The voice activity detector failed.', { cause });
}
