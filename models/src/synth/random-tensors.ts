// The tensors of a Whisper with random values: activations keep about their size from layer to layer.
import type { NetworkShape } from './network-shape.js';
import type { Inside, TensorVisitor } from './network-tensors.js';
import { NormalHalves } from './normal-halves.js';
import type { TensorToWrite } from '../model-folder/write-safetensors.js';

export class RandomTensors implements TensorVisitor {
  readonly list: TensorToWrite[] = [];
  readonly #noise: NormalHalves;
  readonly #shape: NetworkShape;

  constructor(shape: NetworkShape, seed: number) {
    this.#shape = shape;
    this.#noise = new NormalHalves(seed);
  }

  convolution(name: string, inputs: number): void {
    this.#add(`${name}.weight`, [this.#shape.width, inputs, 3], 1 / Math.sqrt(3 * inputs));
    this.#add(`${name}.bias`, [this.#shape.width], 0.02);
  }

  table(name: string, rows: number): void {
    this.#add(`${name}.weight`, [rows, this.#shape.width], name.startsWith('encoder') ? 0.5 : 0.05);
  }

  norm(name: string): void {
    this.#add(`${name}.weight`, [this.#shape.width], 0.1, 1);
    this.#add(`${name}.bias`, [this.#shape.width], 0.02);
  }

  reader(name: string, to: Inside, hasBias: boolean): void {
    this.#linear(name, this.#inside(to), this.#shape.width, hasBias);
  }

  writer(name: string, from: Inside): void {
    this.#linear(name, this.#shape.width, this.#inside(from), true);
  }

  #inside(inside: Inside): number {
    return inside === 'heads' ? this.#shape.width : this.#shape.inner;
  }

  #linear(name: string, outputs: number, inputs: number, hasBias: boolean): void {
    this.#add(`${name}.weight`, [outputs, inputs], 1 / Math.sqrt(inputs));
    if (hasBias) this.#add(`${name}.bias`, [outputs], 0.02);
  }

  #add(name: string, shape: readonly number[], deviation: number, mean = 0): void {
    const count = shape.reduce((product, size) => product * size, 1);
    const pieces = (): Iterable<Uint8Array> => repeated(this.#noise.block(deviation, mean), count);
    this.list.push({ name: `model.${name}`, type: 'F16', shape, pieces });
  }
}

/** `count` halves: a block over and over. */
function* repeated(block: Uint16Array, count: number): Iterable<Uint8Array> {
  for (let left = count; left > 0; left -= block.length) {
    const part = left < block.length ? block.subarray(0, left) : block;
    yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }
}
