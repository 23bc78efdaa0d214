// The blocks that Whisper's encoder and decoder share, as nodes over the original weights.
import { ModelError } from '../model-error.js';
import type { WhisperConfig } from './config.js';
import type { GraphBuilder, OnnxType, TensorName } from './graph-builder.js';
import type { Int8Weight } from './int8-weights.js';
import { IntegerProducts } from './integer-products.js';
import {
  findInt8,
  findWeight,
  type StoredInt8,
  type Weights,
  type WeightTensor,
  type WeightType,
} from './safetensors.js';

/** What the graphs calculate in. Weights of another type are cast, once, when the session is made. */
export type Precision = 'float32' | 'float16';

/**
 * Whose fused operators the graphs are built of. The operators of `cuda` exist on the CPU too, most of them slower
 * there: so a graph can be checked where there is no GPU.
 */
export type Kernels = 'cpu' | 'cuda';

/**
 * How the keys and values lie that the encoder hands to the decoder. `rows`: as the maps give them, for a GPU's flash
 * attention. `heads`: head by head, so that one query reads them where they lie. `bytes`: head by head, rounded to
 * bytes with a scale for each channel of each window. A step reads all of them for one token, so on a CPU it takes the
 * time that memory takes (measured: base, two cores, all layers of 8 windows of 6 s 5.0 ms in float32 and 1.3 in bytes,
 * of 30 s 26 and 12).
 */
export type HeardForm = 'rows' | 'heads' | 'bytes';

/** @param isInteger whether linear maps are calculated in integers */
export function heardFormOf(kernels: Kernels, isInteger: boolean): HeardForm {
  if (kernels === 'cuda') return 'rows';
  return isInteger ? 'bytes' : 'heads';
}

const onnxTypeOfWeight: { readonly [T in WeightType]: OnnxType } = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I8: 'int8',
};
const onnxNumber: { readonly [P in Precision]: number } = { float32: 1, float16: 10 };

/** PyTorch's default for LayerNorm, which Whisper uses. */
const normEpsilon = 1e-5;

/** What a block adds to the residual: rows [batch * positions, width], and the bias that still comes on top of each. */
export interface BlockResult {
  readonly rows: TensorName;
  readonly bias?: TensorName;
}

/**
 * Adds layers to a graph. Hidden states are rows: [batch * positions, width], so that every linear map is one Gemm that
 * takes PyTorch's [out, in] weights as they are; only attention sees [batch, positions, width]. Where all maps are
 * calculated in several digits, rows are [batch * positions, 1, width]: see IntegerProducts.
 */
export class LayerBuilder {
  readonly #known = new Map<string, TensorName>();
  readonly #placed = new Set<TensorName>();
  readonly #products: IntegerProducts;
  readonly graph: GraphBuilder;
  readonly config: WhisperConfig;
  readonly weights: Weights;
  readonly precision: Precision;
  readonly kernels: Kernels;
  readonly heardForm: HeardForm;
  readonly #int8: ReadonlyMap<string, Int8Weight>;
  readonly #isDeep: boolean;

  /**
   * @param int8 linear maps that are calculated in integers (float32 graphs only)
   * @param isExact see IntegerProducts
   */
  constructor(
    graph: GraphBuilder,
    config: WhisperConfig,
    weights: Weights,
    precision: Precision,
    kernels: Kernels,
    int8: ReadonlyMap<string, Int8Weight> = new Map(),
    isExact = false,
  ) {
    this.graph = graph;
    this.config = config;
    this.weights = weights;
    this.precision = precision;
    this.kernels = kernels;
    this.heardForm = heardFormOf(kernels, int8.size > 0);
    this.#int8 = int8;
    this.#isDeep = int8.size > 0 && [...int8.values()].every(({ activationBytes }) => activationBytes > 1);
    this.#products = new IntegerProducts(graph, (tensor) => this.#stored(tensor), isExact, this.#isDeep);
  }

  /**
   * A weight of the network in the graph's precision. Throws ModelError `file_invalid` when it is absent or of another
   * shape.
   */
  weight(name: string, shape: readonly number[]): TensorName {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const wide = this.#unpacked(name, shape) ?? this.#wide(name, shape);
    const result = wide.type === this.precision ? wide.tensor : this.cast(wide.tensor, this.precision);
    this.#known.set(name, result);
    return result;
  }

  #wide(name: string, shape: readonly number[]): { tensor: TensorName; type: OnnxType } {
    const tensor = findWeight(this.weights, name);
    checkShape(name, tensor.shape, shape);
    return { tensor: this.#stored(tensor), type: onnxTypeOfWeight[tensor.type] };
  }

  /** A matrix that is stored in integers, as float32: calculated once, when the session is made. */
  #unpacked(name: string, [outputs, inputs]: readonly number[]): { tensor: TensorName; type: OnnxType } | undefined {
    const map = name.slice(0, -'.weight'.length);
    const stored = name.endsWith('.weight') ? findInt8(this.weights, map) : undefined;
    if (stored === undefined || outputs === undefined || inputs === undefined) return undefined;
    checkInt8(map, stored, outputs, inputs);
    const values = this.cast(this.#stored(stored.values), 'float32');
    const matrix = this.graph.op('Mul', [values, this.#stored(stored.scales)]);
    return { tensor: this.graph.op('Transpose', [matrix], { perm: [1, 0] }), type: 'float32' };
  }

  /** A tensor where it lies in its file. */
  #stored({ type, shape: dims, file: location, offset, length }: WeightTensor): TensorName {
    const name = `${location}@${offset}`;
    if (!this.#placed.has(name)) {
      this.graph.external(name, { type: onnxTypeOfWeight[type], dims, location, offset, length });
      this.#placed.add(name);
    }
    return name;
  }

  cast(x: TensorName, to: Precision): TensorName {
    return this.graph.op('Cast', [x], { to: onnxNumber[to] });
  }

  /** x [rows, inputs] -> [rows, outputs]. */
  linear(x: TensorName, name: string, outputs: number, inputs: number, bias = true): TensorName {
    const int8 = this.int8Map(name, outputs, inputs);
    if (int8 !== undefined) {
      const product = this.#products.product(x, [int8]);
      return bias ? this.graph.op('Add', [product, this.weight(`${name}.bias`, [outputs])]) : product;
    }
    const weight = this.weight(`${name}.weight`, [outputs, inputs]);
    const operands = bias ? [x, weight, this.weight(`${name}.bias`, [outputs])] : [x, weight];
    return this.graph.op('Gemm', operands, { transB: 1 });
  }

  /**
   * Linear maps of the same rows as one product: x [rows, inputs] -> [rows, maps * outputs]. Their weights are joined
   * once, when the session is made.
   */
  joinedLinear(
    x: TensorName,
    maps: readonly { readonly name: string; readonly bias: boolean }[],
    outputs: number,
    inputs: number,
  ): TensorName {
    const { graph } = this;
    const zeros = (): TensorName => {
      const constant = graph.floats(new Float32Array(outputs), [outputs]);
      return this.precision === 'float32' ? constant : this.cast(constant, this.precision);
    };
    const biases = maps.map(({ name, bias }) => (bias ? this.weight(`${name}.bias`, [outputs]) : zeros()));
    const joinedBiases = graph.op('Concat', biases, { axis: 0 });
    const int8 = maps.flatMap(({ name }) => this.int8Map(name, outputs, inputs) ?? []);
    if (int8.length === maps.length) return graph.op('Add', [this.#products.product(x, int8), joinedBiases]);
    const weights = maps.map(({ name }) => this.weight(`${name}.weight`, [outputs, inputs]));
    return graph.op('Gemm', [x, graph.op('Concat', weights, { axis: 0 }), joinedBiases], { transB: 1 });
  }

  /**
   * The last linear map of a block. A GPU adds its bias with the residual: in a product it costs a pass of its own over
   * the result.
   * @param values the map whose bias is still missing, where x is attention over `values`
   */
  closingLinear(x: TensorName, name: string, outputs: number, inputs: number, values?: string): BlockResult {
    if (this.kernels === 'cpu') return { rows: this.linear(x, name, outputs, inputs) };
    const rows = this.linear(x, name, outputs, inputs, false);
    const bias = this.weight(`${name}.bias`, [outputs]);
    if (values === undefined) return { rows, bias };
    const { graph, precision } = this;
    const exact = (weight: TensorName): TensorName => (precision === 'float32' ? weight : this.cast(weight, 'float32'));
    const matrix = exact(this.weight(`${name}.weight`, [outputs, inputs]));
    const carried = graph.op('MatMul', [matrix, exact(this.weight(`${values}.bias`, [inputs]))]);
    const sum = graph.op('Add', [exact(bias), carried]);
    return { rows, bias: precision === 'float32' ? sum : this.cast(sum, precision) };
  }

  /**
   * The values of attention. A GPU leaves out their bias: the weights of attention sum to 1, so it comes out as it went
   * in, and the block's last map adds what it makes of it, which is calculated once, when the session is made.
   */
  values(x: TensorName, name: string): TensorName {
    const { width } = this.config;
    return this.linear(x, name, width, width, this.kernels === 'cpu');
  }

  norm(x: TensorName, name: string): TensorName {
    const { width } = this.config;
    const scale = this.weight(`${name}.weight`, [width]);
    const bias = this.weight(`${name}.bias`, [width]);
    return this.graph.op('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: { float: normEpsilon } });
  }

  /**
   * Adds a block's result to the residual and normalises the sum: [normalised, sum]. A GPU has one kernel for both; on
   * the CPU that kernel is seven times slower than the two (0.74 ms and 0.10 ms for 300 rows of 384).
   */
  addAndNorm(
    residual: TensorName,
    { rows, bias = '' }: BlockResult,
    name: string,
  ): [normed: TensorName, sum: TensorName] {
    if (this.kernels === 'cpu') {
      const sum = this.graph.op('Add', [residual, rows]);
      return [this.norm(sum, name), sum];
    }
    const { width } = this.config;
    const scale = [this.weight(`${name}.weight`, [width]), this.weight(`${name}.bias`, [width])];
    const operands = [residual, rows, ...scale, ...(bias === '' ? [] : [bias])];
    const [normed = '', , , sum = ''] = this.graph.ops(
      'com.microsoft.SkipLayerNormalization',
      operands,
      { epsilon: { float: normEpsilon } },
      [true, false, false, true],
    );
    return [normed, sum];
  }

  /**
   * Attention among all positions: query, key, value rows [batch * positions, width] -> rows. `shape`: [batch,
   * positions, width]. In one kernel, which holds a few scores at a time: in steps of their own, all scores of 1500
   * positions go through memory five times (measured: base on a CPU, 30 s: 0.6 s of its time and not 1.2).
   */
  selfAttention(query: TensorName, key: TensorName, value: TensorName, shape: TensorName, heads: number): TensorName {
    const inputs = [query, key, value].map((x) => this.unflatten(x, shape));
    return this.flatten(this.graph.op('com.microsoft.MultiHeadAttention', inputs, { num_heads: heads }));
  }

  /** The exact one, by the error function. */
  gelu(x: TensorName): TensorName {
    return this.graph.op(this.kernels === 'cuda' ? 'com.microsoft.Gelu' : 'Gelu', [x]);
  }

  /**
   * The index of the largest value along the last axis, which is left out, and that value. CUDA has ArgMax only in
   * older forms than the graphs', so it takes the first of one.
   */
  largest(x: TensorName, rank: number): { index: TensorName; value: () => TensorName } {
    const { graph } = this;
    const axis = rank - 1;
    if (this.kernels === 'cpu') {
      const index = graph.op('ArgMax', [x], { axis, keepdims: 0 });
      return { index, value: () => graph.op('ReduceMax', [x, graph.integers(axis)], { keepdims: 0 }) };
    }
    const [value = '', index = ''] = graph.ops('TopK', [x, graph.integers(1)], { axis }, [true, true]);
    const squeeze = (kept: TensorName): TensorName => graph.op('Squeeze', [kept, graph.integers(axis)]);
    return { index: squeeze(index), value: () => squeeze(value) };
  }

  /** fc1, exact GELU, fc2. */
  feedForward(x: TensorName, layer: string, inner: number): BlockResult {
    const { width } = this.config;
    const first = `${layer}.fc1`;
    const hidden =
      this.kernels === 'cpu'
        ? this.gelu(this.linear(x, first, inner, width))
        : this.graph.op('com.microsoft.BiasGelu', [
            this.linear(x, first, inner, width, false),
            this.weight(`${first}.bias`, [inner]),
          ]);
    return this.closingLinear(hidden, `${layer}.fc2`, width, inner);
  }

  /** Rows [batch * positions, width] -> [batch, positions, width]; `like`: int64 shape tensor of the result. */
  unflatten(x: TensorName, like: TensorName): TensorName {
    return this.graph.op('Reshape', [x, like]);
  }

  /** [..., width] -> rows. */
  flatten(x: TensorName): TensorName {
    const { width } = this.config;
    return this.graph.op('Reshape', [
      x,
      this.#isDeep ? this.graph.integers(-1, 1, width) : this.graph.integers(-1, width),
    ]);
  }

  /** The size of one axis, as an int64 vector of one. */
  sizeOf(x: TensorName, axis: number): TensorName {
    return this.graph.op('Shape', [x], { start: axis, end: axis + 1 });
  }

  /** The map if it is calculated in integers. Throws ModelError `file_invalid` when it is of another shape. */
  int8Map(name: string, outputs: number, inputs: number): Int8Weight | undefined {
    const map = this.#int8.get(name);
    if (map) checkShape(`${name}.weight`, [map.outputs, map.inputs], [outputs, inputs]);
    return map;
  }

  /**
   * Rows of a table [size, width] for tokens [...]: [..., width]. Only they are read and brought into the graph's
   * precision.
   */
  tableRows(name: string, size: number, tokens: TensorName): TensorName {
    const { graph } = this;
    const { width } = this.config;
    const int8 = findInt8(this.weights, name);
    if (int8 === undefined) {
      const { tensor, type } = this.#wide(`${name}.weight`, [size, width]);
      const rows = graph.op('Gather', [tensor, tokens]);
      return type === this.precision ? rows : this.cast(rows, this.precision);
    }
    checkInt8(name, int8, size, width);
    const columns = graph.op('Gather', [this.#stored(int8.values), tokens], { axis: 1 });
    const integers = this.cast(graph.op('Transpose', [columns], { perm: [1, 2, 0] }), 'float32');
    const scales = graph.op('Unsqueeze', [graph.op('Gather', [this.#stored(int8.scales), tokens]), graph.integers(-1)]);
    const rows = graph.op('Mul', [integers, scales]);
    return this.precision === 'float32' ? rows : this.cast(rows, this.precision);
  }
}

/** Throws ModelError `file_invalid`. */
function checkInt8(map: string, { values, scales }: StoredInt8, outputs: number, inputs: number): void {
  checkShape(`${map}.weight_int8`, values.shape, [inputs, outputs]);
  checkShape(`${map}.weight_scale`, scales.shape, [outputs]);
}

/** Throws ModelError `file_invalid`. */
function checkShape(name: string, found: readonly number[], wanted: readonly number[]): void {
  if (found.join() === wanted.join()) return;
  throw new ModelError(
    'file_invalid',
    `${name} is [${found.join(', ')}], the configuration says [${wanted.join(', ')}]`,
  );
}
