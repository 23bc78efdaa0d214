// The tensors of a widened model, out of those of the small one: see widen.ts for what they add up to.
import type { WhisperConfig } from '../whisper/config.js';
import type { Weights } from '../whisper/safetensors.js';
import type { NetworkShape } from './network-shape.js';
import type { Inside, TensorVisitor } from './network-tensors.js';
import { NormalHalves } from './normal-halves.js';
import { SmallTensors } from './small-tensors.js';
import { WideLayout } from './wide-layout.js';
import { filledRows, halfRows, halvesOf, meanRow, type RowPlan } from './wide-matrix.js';
import type { TensorToWrite } from '../model-folder/write-safetensors.js';

/** What a norm gives the channels of the mean, which are 0 behind it: whatever reads them has something to multiply. */
const OFFSET = 0.5;
/** By the last two channels, tokens that the small model lacks have logits of about -2 * BAR²: no softmax sees them. */
const BAR = 8;

/** Collects the tensors, all in half precision but the norms, whose scales are not the small model's. */
export class WideTensors implements TensorVisitor {
  readonly list: TensorToWrite[] = [];
  readonly #layout: WideLayout;
  readonly #tensors: SmallTensors;
  readonly #noise: NormalHalves;
  readonly #small: WhisperConfig;
  readonly #wide: NetworkShape;

  /** @param weights of the small model, known to be complete */
  constructor(weights: Weights, small: WhisperConfig, wide: NetworkShape, seed: number) {
    this.#small = small;
    this.#wide = wide;
    this.#layout = new WideLayout(small.width, wide.width);
    this.#tensors = new SmallTensors(weights, small, this.#layout);
    this.#noise = new NormalHalves(seed);
  }

  convolution(name: string, inputs: number): void {
    const { width } = this.#wide;
    const isFirst = name === 'encoder.conv1';
    const known = 3 * (isFirst ? inputs : this.#small.width);
    // The channels of the mean begin at GELU(0).
    const empty = new Uint16Array(known);
    this.#matrix(`${name}.weight`, [width, inputs, 3], (values) => {
      const rows = halfRows(values, known);
      if (isFirst) return (row) => ({ begin: rows[row], filling: twinOf(row, rows.length, 1) });
      return (row) => {
        const source = this.#layout.sourceOf(row);
        return { begin: source === undefined ? empty : rows[source], filling: source ?? row, opposite: 3 };
      };
    });
    this.#vector(`${name}.bias`, 'F16', width, (bias) =>
      isFirst ? padded(bias, width) : this.#layout.spread(bias, 0),
    );
  }

  table(name: string, rows: number): void {
    const { width } = this.#small;
    const levels = name.startsWith('encoder') ? this.#tensors.centring?.levels : undefined;
    const bar = halvesOf(Float32Array.of(-BAR, BAR));
    this.#matrix(`${name}.weight`, [rows, this.#wide.width], (values) => (row) => {
      const vector = values.subarray(row * width, (row + 1) * width);
      if (vector.length === 0) return { end: bar, filling: row };
      const wide = levels ? added(this.#layout.spread(vector, 0), levels, 1) : this.#layout.spread(vector);
      return { begin: halvesOf(wide), filling: row };
    });
  }

  norm(name: string): void {
    const { wide, normScale } = this.#layout;
    // The last one of the decoder meets the tokens' table, in which pairs of channels are alike: here it is the norm
    // that makes them opposites.
    const isLast = name === 'decoder.layer_norm';
    const sign = (channel: number): number => (isLast && this.#layout.isOpposite(channel) ? -1 : 1);
    const isBar = (channel: number): boolean => isLast && channel >= wide - 2;
    const byChannel = (value: (channel: number, source: number | undefined) => number): Float32Array =>
      Float32Array.from(
        { length: wide },
        (_, channel) => sign(channel) * value(channel, this.#layout.sourceOf(channel)),
      );
    this.#vector(`${name}.weight`, 'F32', wide, (scale) =>
      byChannel((channel, source) => (source === undefined || isBar(channel) ? 0 : normScale * (scale[source] ?? 1))),
    );
    this.#vector(`${name}.bias`, 'F32', wide, (bias) =>
      byChannel((channel, source) => {
        if (isBar(channel)) return BAR;
        return source === undefined ? OFFSET : (bias[source] ?? 0);
      }),
    );
  }

  reader(name: string, to: Inside, hasBias: boolean): void {
    const { count, group } = this.#inside(to);
    this.#matrix(`${name}.weight`, [count, this.#wide.width], (values) => {
      const rows = halfRows(values, this.#small.width);
      return (row) => {
        const begin = rows[row];
        return begin ? { begin, filling: row, opposite: 1 } : { filling: twinOf(row, rows.length, group) };
      };
    });
    if (hasBias) this.#vector(`${name}.bias`, 'F16', count, (bias) => padded(bias, count));
  }

  writer(name: string, from: Inside): void {
    const { count, group } = this.#inside(from);
    const layout = this.#layout;
    const levels = this.#tensors.isCentring(`${name}.weight`) ? this.#tensors.centring?.levels : undefined;
    this.#matrix(`${name}.weight`, [layout.wide, count], (values) => {
      const columns = values.length / layout.narrow;
      const rows = halfRows(values, columns);
      const mean = levels ? new Uint16Array(columns) : halvesOf(meanRow(values, columns));
      return (row) => {
        const source = layout.sourceOf(row);
        return { begin: source === undefined ? mean : rows[source], filling: source ?? row, opposite: group };
      };
    });
    this.#vector(`${name}.bias`, 'F16', layout.wide, (bias) =>
      levels ? added(layout.spread(bias, 0), levels, -1) : layout.spread(bias),
    );
  }

  /** How many values there are inside a block, and how many follow each other before their twins or opposites do. */
  #inside(inside: Inside): { readonly count: number; readonly group: number } {
    if (inside === 'neurons') return { count: this.#wide.inner, group: 1 };
    return { count: this.#wide.width, group: this.#small.width / this.#small.encoderHeads };
  }

  /** @param plan given the small model's values, none where it has no such tensor */
  #matrix(name: string, shape: readonly number[], plan: (values: Float32Array) => (row: number) => RowPlan): void {
    const [rows = 0, ...rest] = shape;
    const columns = rest.reduce((product, size) => product * size, 1);
    const matrix = this.list.length;
    const pieces = async function* (this: WideTensors): AsyncIterable<Uint8Array> {
      const noise = { halves: this.#noise.block(1 / Math.sqrt(columns)), matrix };
      yield* filledRows(rows, columns, noise, plan(await this.#tensors.read(name)));
    };
    this.list.push({ name: `model.${name}`, type: 'F16', shape, pieces: pieces.bind(this) });
  }

  #vector(name: string, type: 'F16' | 'F32', length: number, make: (values: Float32Array) => Float32Array): void {
    const pieces = async function* (this: WideTensors): AsyncIterable<Uint8Array> {
      const values = make(await this.#tensors.read(name));
      yield new Uint8Array(type === 'F16' ? halvesOf(values).buffer : values.buffer);
    };
    this.list.push({ name: `model.${name}`, type, shape: [length], pieces: pieces.bind(this) });
  }
}

/** The row that is filled like this one: behind the known rows, `group` rows and as many again are twins. */
function twinOf(row: number, known: number, group: number): number {
  const behind = row - known;
  return behind >= 0 && behind % (2 * group) >= group ? row - group : row;
}

function padded(values: Float32Array, length: number): Float32Array {
  const result = new Float32Array(length);
  result.set(values);
  return result;
}

function added(vector: Float32Array, other: Float32Array, times: 1 | -1): Float32Array {
  return vector.map((value, i) => value + times * (other[i] ?? 0));
}
