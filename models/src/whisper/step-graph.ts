// Single steps as a CUDA graph: every buffer of a shape stays at its place, and a step is played as it was recorded.
import {
  blockAlignment,
  MemoryBlock,
  type MemoryPlace,
  type OrtBinding,
  type OrtSession,
  OrtValue,
} from '../onnxruntime/index.js';
import { presentOf, type Choices, type DecoderInput } from './decoder.js';
import { tokenRules } from './token-choice.js';

export interface StepGraphOptions {
  /** Everything on the device that steps read and write and that stays where it is. Closed with the graph. */
  readonly bound: { readonly heard: ReadonlyMap<string, OrtValue>; readonly cache: ReadonlyMap<string, OrtValue> };
  readonly batch: number;
  /** Places in the cache. */
  readonly capacity: number;
  /** The number of the CUDA graph within its session, from 1. */
  readonly graph: number;
}

/** What a step is told, what the host writes before the first one, and what comes back: each part is one copy. */
const parts = {
  told: ['tokens', 'positions', 'lastPlace'],
  fixed: ['select', 'rules', 'audioFrames'],
  answered: ['best', 'frame', 'logprob'],
} as const;
const types: Readonly<Record<string, 'int32' | 'float32'>> = { lastPlace: 'int32', logprob: 'float32' };

/** The steps of one shape of batch and audio context. Used by one decoder at a time. */
export class StepGraph {
  readonly batch: number;
  readonly #graph: number;
  readonly #binding: OrtBinding;
  readonly #block: MemoryBlock;
  /** Bytes between two tensors of the block. */
  readonly #stride: number;
  /** The block's first part on the host. */
  readonly #told: Uint8Array;
  readonly #values: OrtValue[] = [];

  /** @param session made with `enable_cuda_graph` */
  constructor(session: OrtSession, place: MemoryPlace, { bound, batch, capacity, graph }: StepGraphOptions) {
    this.batch = batch;
    this.#graph = graph;
    this.#stride = Math.ceil((8 * batch) / blockAlignment) * blockAlignment;
    const names = Object.values(parts).flat();
    this.#told = new Uint8Array(parts.told.length * this.#stride);
    this.#block = MemoryBlock.allocate(place, names.length * this.#stride);
    this.#binding = session.bind();
    const at = (name: string, dims: readonly number[]): OrtValue => {
      const offset = names.indexOf(name as (typeof names)[number]) * this.#stride;
      const value = this.#block.tensor(types[name] ?? 'int64', dims, offset);
      this.#values.push(value);
      return value;
    };
    for (const name of [...parts.told, ...parts.fixed]) {
      this.#binding.input(name, at(name, name === 'tokens' || name === 'positions' ? [batch, 1] : [batch]));
    }
    for (const name of parts.answered) this.#binding.output(name, at(name, [batch]));
    for (const [name, value] of [...bound.heard, ...bound.cache]) this.#binding.input(name, value);
    for (const [name, value] of bound.cache) this.#binding.output(presentOf(name), value);
    // Read by the host while the graph is recorded: the most that a row may ever have.
    const places = OrtValue.fromTensor({ type: 'int32', dims: [1], data: Int32Array.of(capacity) });
    this.#binding.input('places', places);
    places.close();
    this.#values.push(...bound.heard.values(), ...bound.cache.values());
  }

  /** Begins with other windows. @param frames encoder frames of each row before the padding */
  open(frames: readonly number[]): void {
    const fixed = new Uint8Array(parts.fixed.length * this.#stride);
    const [select, rules, audioFrames] = parts.fixed.map(
      (_, i) => new BigInt64Array(fixed.buffer, i * this.#stride, this.batch),
    );
    for (let row = 0; row < this.batch; row++) {
      if (select) select[row] = BigInt(row);
      if (rules) rules[row] = BigInt(tokenRules.text);
      // A row without a window hears one frame.
      if (audioFrames) audioFrames[row] = BigInt(frames[row] ?? 1);
    }
    this.#block.write(parts.told.length * this.#stride, fixed);
  }

  /**
   * Feeds one token to each row, the rows behind those of `input` included; no choice may be the first of a text, and
   * logits are not told.
   */
  async step({ tokens, positions, select }: DecoderInput, lastPlace: Int32Array): Promise<Choices> {
    const stride = this.#stride;
    const told = this.#told;
    told.fill(0);
    for (const [i, numbers] of [tokens, positions].entries()) {
      new BigInt64Array(told.buffer, i * stride, this.batch).set(BigInt64Array.from(numbers, BigInt));
    }
    new Int32Array(told.buffer, 2 * stride, this.batch).set(lastPlace);
    this.#block.write(0, told);
    await this.#binding.play(this.#graph);
    const from = (parts.told.length + parts.fixed.length) * stride;
    const answered = this.#block.read(from, parts.answered.length * stride).buffer;
    const [best, frame] = [0, 1].map((i) => new BigInt64Array(answered, i * stride, this.batch));
    const logprob = new Float32Array(answered, 2 * stride, this.batch);
    return {
      best: select.map((row) => Number(best?.[row])),
      logprob: Float32Array.from(select, (row) => Number(logprob[row])),
      frame: select.map((row) => Number(frame?.[row])),
      noSpeech: new Float32Array(select.length),
      languages: new Float32Array(0),
      logits: new Float32Array(0),
      candidateLogits: [],
    };
  }

  close(): void {
    this.#binding.close();
    for (const value of this.#values.splice(0)) value.close();
    this.#block.close();
  }
}
