// Linear maps calculated in integers: rows in digits of one byte times weights of one byte.
import type { GraphBuilder, TensorName } from './graph-builder.js';
import { isStored, type Int8Weight } from './int8-weights.js';
import type { WeightTensor } from './safetensors.js';

/** Rows x as bytes, and how to get back from what a product makes of them. */
interface RoundedRows {
  /** uint8 [rows, inputs], or of several digits [rows, digits, inputs], the highest first. */
  readonly values: TensorName;
  /** uint8 scalar: what stands for 0. */
  readonly zero: TensorName;
  /** A step of the first digit, in units of the row's scale. */
  readonly step: number;
  /** float32 [rows, 1], of several digits [rows, 1, 1]: the one multiplied with, these divided by. */
  readonly scales: TensorName;
}

/**
 * The largest digit of a byte, and the largest that a CPU without VNNI may multiply with weights of 8 bits: see
 * LARGEST_ANYWHERE.
 */
const FULL = 127;
const HALF = 63;

/** Added to the mean of squares: a row of zeros stays one. */
const nothing = 1e-30;

/**
 * Adds the products of one graph. Each row is rounded by itself, so that its result depends neither on the rows beside
 * it nor on the padding.
 */
export class IntegerProducts {
  readonly #rounded = new Map<string, RoundedRows>();
  readonly #graph: GraphBuilder;
  readonly #stored: (tensor: WeightTensor) => TensorName;
  readonly #isExact: boolean;
  readonly #isDeep: boolean;

  readonly #matrices = new Map<Int8Weight, { values: TensorName; scales: TensorName }>();
  readonly #constants = new Map<string, TensorName>();
  readonly #zeros = new Map<number, TensorName>();

  /**
   * @param stored makes a tensor of the weights' file known to the graph
   * @param isExact whether the CPU sums products of bytes exactly, whatever they are
   * @param isDeep whether rows are [rows, 1, inputs]: digits then need no other shape
   */
  constructor(graph: GraphBuilder, stored: (tensor: WeightTensor) => TensorName, isExact: boolean, isDeep: boolean) {
    this.#graph = graph;
    this.#stored = stored;
    this.#isExact = isExact;
    this.#isDeep = isDeep;
  }

  /**
   * x [rows, inputs] -> [rows, outputs of all maps, one behind the other], without biases. The maps have as many
   * inputs, and weights of one kind.
   */
  product(x: TensorName, maps: readonly Int8Weight[]): TensorName {
    const graph = this.#graph;
    const inputs = maps[0]?.inputs ?? 0;
    const bytes = Math.max(...maps.map(({ activationBytes }) => activationBytes));
    const largest = Math.max(...maps.map((map) => map.largest));
    const digit = this.#isExact || 2 * (2 * FULL + 1) * largest < 2 ** 15 ? FULL : HALF;
    const rows = this.#roundRows(x, inputs, bytes, digit);
    const matrices = maps.map((map) => this.#matrix(map));
    const joined = (parts: readonly TensorName[], axis: number): TensorName =>
      parts.length === 1 ? (parts[0] ?? '') : graph.op('Concat', parts, { axis });
    const product = graph.op('com.microsoft.MatMulIntegerToFloat', [
      rows.values,
      joined(
        matrices.map(({ values }) => values),
        1,
      ),
      this.#number(rows.step),
      joined(
        matrices.map(({ scales }) => scales),
        0,
      ),
      rows.zero,
    ]);
    if (bytes === 1) return graph.op('Mul', [product, rows.scales]);
    // The products of a row's digits, each by its place value and the row's scale. As a product it is one pass.
    const sum = graph.op('MatMul', [graph.op('Div', [this.#places(bytes, 1 / (2 * digit), 1), rows.scales]), product]);
    if (this.#isDeep) return sum;
    const outputs = maps.reduce((total, map) => total + map.outputs, 0);
    return graph.op('Reshape', [sum, graph.integers(-1, outputs)]);
  }

  #matrix(map: Int8Weight): { values: TensorName; scales: TensorName } {
    const known = this.#matrices.get(map);
    if (known !== undefined) return known;
    const graph = this.#graph;
    const { matrix, inputs, outputs } = map;
    const names = isStored(matrix)
      ? { values: this.#stored(matrix.values), scales: this.#stored(matrix.scales) }
      : { values: graph.beside(matrix.values, [inputs, outputs]), scales: graph.floats(matrix.scales, [outputs]) };
    this.#matrices.set(map, names);
    return names;
  }

  /** Done once for all maps that read the same rows. */
  #roundRows(x: TensorName, inputs: number, bytes: number, digit: number): RoundedRows {
    const key = `${x} ${bytes} ${digit}`;
    let rows = this.#rounded.get(key);
    if (rows === undefined) {
      rows = bytes === 1 ? this.#inOneByte(x, digit) : this.#inDigits(x, inputs, bytes, digit);
      this.#rounded.set(key, rows);
    }
    return rows;
  }

  /** By the row's largest magnitude. (DynamicQuantizeLinear takes one scale for all rows.) */
  #inOneByte(x: TensorName, digit: number): RoundedRows {
    const graph = this.#graph;
    const magnitude = graph.op('ReduceMax', [graph.op('Abs', [x]), graph.integers(1)], { keepdims: 1 });
    // A row of zeros stays one, whatever its scale.
    const scales = graph.op('Mul', [graph.op('Max', [magnitude, this.#number(1e-30)]), this.#number(1 / digit)]);
    const perRow = graph.op('Squeeze', [scales, graph.integers(1)]);
    const zero = this.#zero(digit);
    const zeros = graph.op('Expand', [zero, graph.op('Shape', [perRow])]);
    return { values: graph.op('QuantizeLinear', [x, perRow, zeros], { axis: 0 }), scales, zero, step: 1 };
  }

  /**
   * By the row's root mean square, which no number exceeds more than sqrt(inputs) times: one operator finds and applies
   * it. Rounded in steps of each digit, 2 * digit times as fine as the one before, a number less the rounding before it
   * is the digit: that too is a product, of a matrix of few numbers.
   */
  #inDigits(x: TensorName, inputs: number, count: number, digit: number): RoundedRows {
    const graph = this.#graph;
    const unit = Math.sqrt(inputs);
    const base = 2 * digit;
    const deep = this.#isDeep ? x : graph.op('Reshape', [x, graph.integers(-1, 1, inputs)]);
    const [even = '', scales = ''] = graph.ops(
      'SimplifiedLayerNormalization',
      [deep, graph.floats(new Float32Array(inputs).fill(digit / unit), [inputs])],
      { axis: -1, epsilon: { float: nothing } },
      [true, true],
    );
    const rounded = graph.op('Round', [graph.op('Mul', [even, this.#places(count, base, count)])]);
    const lessBefore = Float32Array.from({ length: count * count }, (_, at) => {
      const [row, column] = [Math.floor(at / count), at % count];
      return row === column ? 1 : row === column + 1 ? -base : 0;
    });
    const digits = graph.op('MatMul', [this.#constant(lessBefore, [count, count]), rounded]);
    const zero = this.#zero(digit);
    return { values: graph.op('QuantizeLinear', [digits, this.#number(1), zero]), scales, zero, step: unit / digit };
  }

  /** 1, base, base ** 2, ...: [places, 1] or [1, places]. */
  #places(count: number, base: number, rows: number): TensorName {
    return this.#constant(
      Float32Array.from({ length: count }, (_, place) => base ** place),
      [rows, count / rows],
    );
  }

  #number(value: number): TensorName {
    return this.#constant(Float32Array.of(value), []);
  }

  #constant(values: Float32Array, dims: readonly number[]): TensorName {
    const key = `${dims.join()}: ${values.join()}`;
    let name = this.#constants.get(key);
    if (name === undefined) this.#constants.set(key, (name = this.#graph.floats(values, dims)));
    return name;
  }

  #zero(digit: number): TensorName {
    let name = this.#zeros.get(digit);
    if (name === undefined) this.#zeros.set(digit, (name = this.#graph.bytes(Uint8Array.of(digit + 1), [])));
    return name;
  }
}
