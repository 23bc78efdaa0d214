// A GGUF model in a process of its own: neither its loading nor its crash is felt on the sockets' thread. The process starts with the first text.
import { PolisherError, type Polisher, type PolishRequest, type PolishRun } from '../../polisher.js';
import { GgufPolisher } from '../gguf-polisher.js';
import type { LlamaOptions } from '../gguf-polisher.js';
import type { PolishModel } from '../polish-model.js';
import { HostChild, LoadError, type HostPatience } from './host-child.js';

export interface HostedPolisherOptions extends HostPatience {
  /** Wait before the process is started again after its first death, milliseconds; doubled at each further one. Until then it is unavailable. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Called when the model cannot be loaded, when the process died, and when it is (back) at work. */
  readonly onEvent?: ((event: HostEvent) => void) | undefined;
}

export type HostEvent =
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'died'; readonly reason: string }
  | { readonly type: 'loaded'; readonly pid: number | undefined; readonly loadMs: number };

export const HOST_DEFAULTS = {
  silenceTimeoutMs: 20_000,
  loadTimeoutMs: 300_000,
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
} as const satisfies HostedPolisherOptions;

export class HostedPolisher extends GgufPolisher implements Polisher {
  readonly #options: HostedPolisherOptions;
  #child: HostChild | undefined;
  #failure: string | undefined;
  #deaths = 0;
  #startsAt = 0;
  #isClosed = false;

  constructor(model: PolishModel, llama: LlamaOptions, options: Partial<HostedPolisherOptions> = {}) {
    super(model, llama);
    this.#options = { ...HOST_DEFAULTS, ...options };
  }

  get isAvailable(): boolean {
    const mayStart = this.#child !== undefined || performance.now() >= this.#startsAt;
    return !this.#isClosed && this.#failure === undefined && mayStart;
  }

  /** Of the process in use; for tests and logs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async polish(request: PolishRequest, run: PolishRun): Promise<string> {
    run.signal.throwIfAborted();
    if (!this.isAvailable)
      throw new PolisherError('unavailable', this.#failure ?? 'the polisher is closed, or died just now');
    const child = this.#started();
    try {
      await unlessAborted(child.loaded, run.signal);
    } catch (error) {
      run.signal.throwIfAborted();
      throw new PolisherError('unavailable', `${this.name} could not be loaded`, { cause: error });
    }
    return child.polish(request, run);
  }

  async warmUp(): Promise<void> {
    if (this.isAvailable) await this.#started().loaded.catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#child?.close();
  }

  #started(): HostChild {
    if (this.#child !== undefined) return this.#child;
    const child = new HostChild(this.model, this.llama, this.#options);
    this.#child = child;
    void this.#followLoading(child);
    void this.#followEnd(child);
    return child;
  }

  async #followLoading(child: HostChild): Promise<void> {
    const startedAt = performance.now();
    const { onEvent } = this.#options;
    try {
      await child.loaded;
      this.#deaths = 0;
      onEvent?.({ type: 'loaded', pid: child.pid, loadMs: Math.round(performance.now() - startedAt) });
    } catch (error) {
      if (!(error instanceof LoadError)) return;
      this.#failure = error.message;
      onEvent?.({ type: 'failed', reason: error.message });
      child.kill(error.message);
    }
  }

  async #followEnd(child: HostChild): Promise<void> {
    const reason = await child.exited;
    this.#child = undefined;
    const { backoffMinMs, backoffMaxMs, onEvent } = this.#options;
    this.#startsAt = performance.now() + Math.min(backoffMaxMs, backoffMinMs * 2 ** this.#deaths);
    this.#deaths++;
    if (!this.#isClosed && this.#failure === undefined) onEvent?.({ type: 'died', reason });
  }
}

function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
