// A decoder's process: decodes what it is sent, file by file, step by step.
import { serveParent } from '../../native-host/serve-parent.js';
import { AudioFileError, type AudioFileWarning } from '../audio-errors.js';
import { decodeBlocks, type Selection } from '../decode-blocks.js';
import type { DecoderStep, DecoderWork } from './decoder-work.js';

/** One file, driven from outside. */
class OpenFile {
  readonly #blocks: AsyncGenerator<Float32Array, void, undefined>;
  #warnings: AudioFileWarning[] = [];
  /** The next block on its way, also while it waits for bytes. */
  #next: Promise<DecoderStep> | undefined;
  #onHungry: (() => void) | undefined;
  #onBytes: ((bytes: Uint8Array | undefined) => void) | undefined;

  constructor(selection: Selection) {
    this.#blocks = decodeBlocks(this.#incoming(), (warning) => this.#warnings.push(warning), selection);
  }

  /** The next block, or that it takes more bytes to make one. */
  async step(): Promise<DecoderStep> {
    const hungry = new Promise<DecoderStep>((resolve) => {
      this.#onHungry = () => resolve({ type: 'hungry', warnings: [] });
    });
    this.#next ??= this.#nextBlock();
    const step = await Promise.race([hungry, this.#next]);
    const warnings = this.#warnings;
    this.#warnings = [];
    return { ...step, warnings };
  }

  /** @param bytes undefined: the file is over */
  feed(bytes: Uint8Array | undefined): void {
    this.#onBytes?.(bytes);
  }

  async leave(): Promise<void> {
    this.feed(undefined);
    await this.#blocks.return();
  }

  async #nextBlock(): Promise<DecoderStep> {
    try {
      const { done, value } = await this.#blocks.next();
      return done === true ? { type: 'end', warnings: [] } : { type: 'block', samples: value, warnings: [] };
    } finally {
      this.#next = undefined;
    }
  }

  async *#incoming(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = await new Promise<Uint8Array | undefined>((resolve) => {
        this.#onBytes = resolve;
        this.#onHungry?.();
      });
      if (bytes === undefined) return;
      yield bytes;
    }
  }
}

const files = new Map<number, OpenFile>();

serveParent<DecoderWork>({
  load: async () => undefined,
  async run(request) {
    if (request.type === 'open') files.set(request.file, new OpenFile(request.selection));
    const file = files.get(request.file);
    if (file === undefined) throw new Error(`no file ${request.file} is open`);
    if (request.type === 'leave') {
      files.delete(request.file);
      // How it ends is of no interest any more.
      await file.leave().catch(() => undefined);
      // It may wait for long: what the file took is given back.
      if (files.size === 0) globalThis.gc?.();
      return { type: 'end', warnings: [] };
    }
    if (request.type === 'bytes') file.feed(request.bytes);
    if (request.type === 'over') file.feed(undefined);
    return file.step();
  },
  codeOf: (error) => (error instanceof AudioFileError ? error.code : 'failed'),
});
