// Polish by a GGUF model through llama.cpp, in this process: several texts at once share each run of the model
// (continuous batching).
import { messageOf } from '@sotto/protocol';
import type { Llama, LlamaContext, LlamaModel } from 'node-llama-cpp';
import { PolisherError, type Polisher, type PolishRequest, type PolishRun } from '../polisher.js';
import { GgufPolisher } from './gguf-polisher.js';
import { CONTEXT_TOKENS_MAX } from './polish-model.js';
import type { Writer } from './writer.js';

/** Tokens of all sequences in one run of the model. */
const BATCH_TOKENS = 512;

interface Loaded {
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly writers: readonly Writer[];
}

/** Loads at `warmUp`, or with the first text. */
export class LlamaPolisher extends GgufPolisher implements Polisher {
  readonly #running = new Set<Promise<unknown>>();
  /** Writers that have nothing to do; the one that wrote last is the last. */
  #idle: Writer[] = [];
  /** Texts that wait for a writer: one that was aborted writes on to the end of its run. */
  readonly #waiting: ((writer: Writer) => void)[] = [];
  #loading: Promise<Loaded> | undefined;
  #failure: string | undefined;
  #isClosed = false;

  get isAvailable(): boolean {
    return !this.#isClosed && this.#failure === undefined;
  }

  /** Why it cannot work; undefined while it can, as far as it knows. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async polish(request: PolishRequest, { signal, onText }: PolishRun): Promise<string> {
    signal.throwIfAborted();
    await this.#load();
    signal.throwIfAborted();
    const writer = this.#idle.pop() ?? (await new Promise<Writer>((resolve) => this.#waiting.push(resolve)));
    const work = this.#write(writer, request, { signal, onText });
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(writer);
      else next(writer);
    }
  }

  async #write(writer: Writer, request: PolishRequest, { signal, onText }: PolishRun): Promise<string> {
    try {
      signal.throwIfAborted();
      return await writer.write(request, { signal, onText: onText ?? (() => {}) });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new PolisherError('failed', messageOf(error), { cause: error });
    }
  }

  async warmUp(): Promise<void> {
    await this.#load().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const loaded = await this.#loading?.catch(() => undefined);
    this.#loading = undefined;
    await Promise.allSettled(this.#running);
    await loaded?.llama.dispose();
  }

  #load(): Promise<Loaded> {
    if (this.#isClosed) return Promise.reject(new PolisherError('unavailable', 'closed'));
    this.#loading ??= this.#open().catch((error: unknown) => {
      this.#failure = messageOf(error);
      throw new PolisherError('unavailable', `${this.name} could not be loaded: ${this.#failure}`, { cause: error });
    });
    return this.#loading;
  }

  async #open(): Promise<Loaded> {
    const { gpuLayers, threads, sequences } = this.llama;
    const { path, contextTokens, promptFormat } = this.model;
    // Only here: who polishes with something else never loads it.
    const [{ getLlama, LlamaLogLevel }, { ChatWriter }, { SottoWriter }] = await Promise.all([
      import('node-llama-cpp'),
      import('./chat-writer.js'),
      import('./sotto-writer.js'),
    ]);
    const llama = await getLlama({
      gpu: gpuLayers > 0 ? 'auto' : false,
      build: 'never',
      skipDownload: true,
      maxThreads: threads,
      logLevel: LlamaLogLevel.error,
    });
    try {
      const model = await llama.loadModel({ modelPath: path, gpuLayers: gpuLayers > 0 ? Math.min(gpuLayers, 999) : 0 });
      const contextSize = Math.min(contextTokens ?? CONTEXT_TOKENS_MAX, model.trainContextSize);
      const context = await model.createContext({
        sequences,
        contextSize,
        batchSize: Math.min(BATCH_TOKENS, contextSize),
        threads,
      });
      const writers = Array.from({ length: sequences }, (): Writer => {
        const sequence = context.getSequence();
        return promptFormat === 'chat' ? new ChatWriter(sequence) : new SottoWriter(model, sequence);
      });
      this.#idle = [...writers];
      return { llama, model, context, writers };
    } catch (error) {
      await llama.dispose();
      throw error;
    }
  }
}
