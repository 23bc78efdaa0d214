// A GGUF model in a process of its own: neither its loading nor its crash is felt on the sockets' thread. The process
// starts with the first text.
import { messageOf } from '@sotto/protocol';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RequestError } from '../../../native-host/errors.js';
import { type ChildPatience, NativeChild } from '../../../native-host/native-child.js';
import { NativeHost, type HostEvent, type RestartOptions } from '../../../native-host/native-host.js';
import { unlessAborted } from '../../../time/on-abort.js';
import {
  PolisherError,
  type Polisher,
  type PolisherErrorCode,
  type PolishRequest,
  type PolishRun,
} from '../../polisher.js';
import { GgufPolisher, type LlamaOptions } from '../gguf-polisher.js';
import type { PolishModel } from '../polish-model.js';
import type { PolishWork } from './polish-work.js';

/** While it waits for a process that died, it is unavailable. */
export interface HostedPolisherOptions extends ChildPatience, RestartOptions {
  /** Called when the model cannot be loaded, when the process died, and when it is (back) at work. */
  readonly onEvent?: (event: HostEvent) => void;
}

export const HOST_DEFAULTS = {
  silenceTimeoutMs: 20_000,
  loadTimeoutMs: 300_000,
  closeTimeoutMs: 1_000,
  backoffMinMs: 500,
  backoffMaxMs: 60_000,
  healthyAfterMs: 0,
} as const satisfies HostedPolisherOptions;

const MAIN = fileURLToPath(new URL(`./host-child-main${extname(import.meta.url)}`, import.meta.url));

export class HostedPolisher extends GgufPolisher implements Polisher {
  readonly #host: NativeHost<PolishWork>;

  constructor(model: PolishModel, llama: LlamaOptions, options: Partial<HostedPolisherOptions> = {}) {
    super(model, llama);
    const settings = { ...HOST_DEFAULTS, ...options, name: 'the polisher' };
    this.#host = new NativeHost<PolishWork>({
      ...settings,
      start: () => new NativeChild<PolishWork>({ ...settings, main: MAIN, load: { model, options: llama } }),
      restart: 'on_demand',
    });
  }

  get isAvailable(): boolean {
    return this.#host.isAvailable;
  }

  /** Of the last process that was started; for tests and logs. */
  get pid(): number | undefined {
    return this.#host.pid;
  }

  async polish(request: PolishRequest, { signal, onText }: PolishRun): Promise<string> {
    signal.throwIfAborted();
    if (!this.isAvailable)
      throw new PolisherError('unavailable', this.#host.failure ?? 'the polisher is closed, or died just now');
    let child;
    try {
      child = await unlessAborted(this.#host.child(), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new PolisherError('unavailable', `${this.name} could not be loaded`, { cause: error });
    }
    try {
      return await child.run(request, { name: 'polish', signal, onPart: onText });
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof RequestError ? (error.code as PolisherErrorCode) : 'failed';
      throw new PolisherError(code, messageOf(error), { cause: error });
    }
  }

  async warmUp(): Promise<void> {
    if (this.isAvailable) await this.#host.child().catch(() => undefined);
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}
