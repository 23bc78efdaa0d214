// What a polisher by a GGUF model says of itself, in whatever process the model is.
import type { PolishMode } from '@sotto/protocol';
import type { Polisher } from '../polisher.js';
import type { PolishModel } from './polish-model.js';

/** What is the machine's rather than the model's; plain data, as it goes to another process. */
export interface LlamaOptions {
  /** Layers that a GPU takes; 0: the CPU does all. More than the model has: all of them. */
  readonly gpuLayers: number;
  /** Threads of the CPU. */
  readonly threads: number;
  /** Texts at the same time: each has a sequence of its own, with its own memory. */
  readonly sequences: number;
}

export abstract class GgufPolisher implements Pick<
  Polisher,
  'name' | 'modes' | 'languages' | 'keepsWords' | 'concurrency'
> {
  readonly name: string;
  readonly modes: readonly PolishMode[];
  readonly languages: readonly string[] | undefined;
  readonly keepsWords: boolean;
  readonly concurrency: number;
  protected readonly model: PolishModel;
  protected readonly llama: LlamaOptions;

  constructor(model: PolishModel, llama: LlamaOptions) {
    this.model = model;
    this.llama = llama;
    this.name = model.name;
    this.modes = model.modes;
    this.languages = model.languages;
    this.keepsWords = model.keepsWords;
    this.concurrency = llama.sequences;
  }
}
