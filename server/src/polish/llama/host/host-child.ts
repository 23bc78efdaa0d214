// One run of the polisher's process, seen from the server: start, texts, death.
import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PolisherError, type PolishRequest, type PolishRun } from '../../polisher.js';
import type { LlamaOptions } from '../gguf-polisher.js';
import type { PolishModel } from '../polish-model.js';
import { HEARTBEAT_MS, type FromHost, type ToHost } from './host-messages.js';

export interface HostPatience {
  /** Silence of the process once its model is loaded, milliseconds: its event loop hangs then, and it is killed. */
  readonly silenceTimeoutMs: number;
  /** Time to load the model, milliseconds. */
  readonly loadTimeoutMs: number;
}

interface Pending {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
  readonly onText: ((piece: string) => void) | undefined;
}

const MAIN = fileURLToPath(new URL(`./host-child-main${extname(import.meta.url)}`, import.meta.url));

/** The model could not be loaded: it will not be by trying again. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** A process that carries a model. When it dies, every text that waits for it is rejected. */
export class HostChild {
  /** Settles when the model is loaded. Rejects with {@link LoadError}, or with how the process died. */
  readonly loaded: Promise<void>;
  /** Resolves with how it ended. */
  readonly exited: Promise<string>;
  readonly pid: number | undefined;
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #killedFor: string | undefined;
  #death: string | undefined;
  #silentBeats = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #settleLoad: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(model: PolishModel, options: LlamaOptions, patience: HostPatience) {
    // What the child prints goes to our standard error: our standard output may be data.
    this.#process = fork(MAIN, [], { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });
    this.pid = this.#process.pid;
    this.loaded = new Promise((resolve, reject) => (this.#settleLoad = { resolve, reject }));
    // Who only wants texts hears of it by them.
    this.loaded.catch(() => undefined);
    this.exited = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#died(this.#killedFor ?? how);
        resolve(this.#death ?? how);
      };
      this.#process.once('exit', (code, signal) =>
        ended(signal ? `it was killed by ${signal}` : `it ended with code ${code}`),
      );
      this.#process.once('error', (error) => {
        if (this.pid === undefined) ended(`it could not be started: ${error.message}`);
      });
    });
    this.#process.on('message', (message: FromHost) => this.#receive(message));
    this.#say({ type: 'load', model, options });
    this.#watch(patience);
  }

  async polish(request: PolishRequest, { signal, onText }: PolishRun): Promise<string> {
    if (this.#death !== undefined)
      throw new PolisherError('unavailable', `the polisher's process is gone: ${this.#death}`);
    signal.throwIfAborted();
    const id = ++this.#lastId;
    const leave = (): void => {
      this.#say({ type: 'abort', id });
      this.#settle(id)?.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onText });
        this.#say({ type: 'polish', id, request });
      });
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#say({ type: 'close' });
    const overdue = setTimeout(() => this.kill('it did not end in time'), HEARTBEAT_MS);
    await this.exited;
    clearTimeout(overdue);
  }

  kill(reason: string): void {
    this.#killedFor ??= reason;
    this.#process.kill('SIGKILL');
  }

  #say(message: ToHost): void {
    // An error here means that the channel is closed: the process is dying, and its exit rejects what waits.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  #receive(message: FromHost): void {
    this.#silentBeats = 0;
    switch (message.type) {
      case 'alive':
        return;
      case 'loaded':
        return this.#settleLoad?.resolve();
      case 'loadFailed':
        return this.#settleLoad?.reject(new LoadError(message.message));
      case 'piece':
        return this.#pending.get(message.id)?.onText?.(message.text);
      case 'done':
        return this.#settle(message.id)?.resolve(message.text);
      case 'failed':
        return this.#settle(message.id)?.reject(new PolisherError(message.code, message.message));
    }
  }

  /** The text of an id, which waits no longer. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  /** Counts our own ticks rather than time: after a sleep or a block of this process, what the child has said meanwhile is read first. */
  #watch({ silenceTimeoutMs, loadTimeoutMs }: HostPatience): void {
    let isLoaded = false;
    void this.loaded.then(
      () => (isLoaded = true),
      () => undefined,
    );
    let beats = 0;
    this.#heartbeat = setInterval(() => {
      beats++;
      this.#silentBeats++;
      if (!isLoaded && beats * HEARTBEAT_MS > loadTimeoutMs)
        this.kill(`it did not load its model within ${loadTimeoutMs} ms`);
      // While it loads it may be in native code for long.
      if (isLoaded && this.#silentBeats * HEARTBEAT_MS > silenceTimeoutMs)
        this.kill(`it was silent for ${silenceTimeoutMs} ms`);
    }, HEARTBEAT_MS).unref();
  }

  #died(how: string): void {
    this.#death = how;
    clearInterval(this.#heartbeat);
    this.#settleLoad?.reject(new Error(how));
    for (const { reject } of this.#pending.values())
      reject(new PolisherError('failed', `the polisher's process ended: ${how}`));
    this.#pending.clear();
  }
}
