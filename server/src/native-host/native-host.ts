// Has a child process at hand, and another one when it dies: a crash in native code does not take the sockets with it.
import { messageOf } from '@sotto/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { ChildError } from './errors.js';
import type { Work } from './messages.js';
import type { NativeChild } from './native-child.js';

export interface RestartOptions {
  /** Wait before the first restart, milliseconds; doubled at each further one. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /**
   * A process that lived this long once it was ready, milliseconds, was healthy: the wait begins at its minimum again.
   */
  readonly healthyAfterMs: number;
}

export interface HostOptions<Child> extends RestartOptions {
  /** In errors: "the engine". */
  readonly name: string;
  readonly start: () => Child;
  /** Done with each process that the host starts, before it gets requests. */
  readonly prepare?: (child: Child) => Promise<void>;
  /**
   * When a process takes the place of a dead one:
   * - `at_once`: as soon as the wait is over, again and again until one has loaded.
   * - `on_demand`: with the first who asks after the wait. One that cannot load has failed for good.
   */
  readonly restart: 'at_once' | 'on_demand';
  readonly onEvent?: (event: HostEvent) => void;
}

export type HostEvent =
  /** A process is ready. */
  | { readonly type: 'loaded'; readonly pid: number | undefined; readonly loadMs: number }
  | { readonly type: 'died'; readonly reason: string; readonly restartInMs: number }
  /** It cannot load, and will not be tried again. */
  | { readonly type: 'failed'; readonly reason: string };

export class NativeHost<W extends Work, Child extends NativeChild<W> = NativeChild<W>> {
  readonly #options: HostOptions<Child>;
  readonly #closing = new AbortController();
  /** The last that was started. */
  #child: Child | undefined;
  /** The process to use; pending while one is being started. */
  #ready: Promise<Child> | undefined;
  #isUp = false;
  #failure: string | undefined;
  /** Deaths since the last healthy process. */
  #deaths = 0;
  #startsAt = 0;

  /** @param first a process that is ready; else the first is started when it is asked for */
  constructor(options: HostOptions<Child>, first?: Child) {
    this.#options = options;
    if (first !== undefined) {
      this.#child = first;
      this.#ready = Promise.resolve(this.#inUse(first));
    }
  }

  /** Whether a process is ready. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether {@link child} would come to something soon: false during a wait, after a failure for good, when closed. */
  get isAvailable(): boolean {
    const mayStart = this.#ready !== undefined || performance.now() >= this.#startsAt;
    return !this.#closing.signal.aborted && this.#failure === undefined && mayStart;
  }

  /** Why it has failed for good. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Of the last process that was started; for tests and logs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The process to use, when it is ready. Rejects with ChildError `closed`, or with what kept it from loading. */
  child(): Promise<Child> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError());
    this.#ready ??= this.#bring();
    return this.#ready;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    // One that was being started has been ended there.
    const child = await this.#ready?.catch(() => undefined);
    await child?.close();
  }

  async #bring(): Promise<Child> {
    const { signal } = this.#closing;
    for (;;) {
      const waitMs = this.#startsAt - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw this.#closedError();
      const startedAt = performance.now();
      const child = this.#options.start();
      this.#child = child;
      const abandon = (): void => child.kill(this.#closedError());
      signal.addEventListener('abort', abandon, { once: true });
      try {
        await child.loaded;
        await this.#options.prepare?.(child);
        const loadMs = Math.round(performance.now() - startedAt);
        this.#inUse(child);
        this.#options.onEvent?.({ type: 'loaded', pid: child.pid, loadMs });
        return child;
      } catch (error) {
        abandon();
        await child.exited;
        if (signal.aborted) throw this.#closedError(error);
        if (this.#options.restart === 'at_once') this.#lost(messageOf(error));
        else {
          this.#ready = undefined;
          if (error instanceof ChildError && error.code === 'load_failed') this.#fail(error.message);
          else this.#lost(messageOf(error));
          throw error;
        }
      } finally {
        signal.removeEventListener('abort', abandon);
      }
    }
  }

  #inUse(child: Child): Child {
    this.#isUp = true;
    void this.#replaceAfter(child, performance.now());
    return child;
  }

  async #replaceAfter(child: Child, readyAt: number): Promise<void> {
    const death = await child.exited;
    this.#isUp = false;
    if (this.#closing.signal.aborted) return;
    const { healthyAfterMs, restart } = this.#options;
    if (performance.now() - readyAt >= healthyAfterMs) this.#deaths = 0;
    this.#lost(death.message);
    this.#ready = restart === 'at_once' ? this.#bring() : undefined;
    // Nobody may be waiting: then nobody needs to know that it was closed meanwhile.
    this.#ready?.catch(() => undefined);
  }

  #lost(reason: string): void {
    const { backoffMinMs, backoffMaxMs, onEvent } = this.#options;
    const restartInMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** this.#deaths);
    this.#deaths++;
    this.#startsAt = performance.now() + restartInMs;
    onEvent?.({ type: 'died', reason, restartInMs });
  }

  #fail(reason: string): void {
    this.#failure = reason;
    this.#options.onEvent?.({ type: 'failed', reason });
  }

  #closedError(cause?: unknown): ChildError {
    return new ChildError('closed', `${this.#options.name} is closed`, { cause });
  }
}
