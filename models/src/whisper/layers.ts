// The blocks that Whisper's encoder and decoder share, as nodes over the original weights.
import { ModelError } from '../model-error.js';
import type { WhisperConfig } from './config.js';
import type { GraphBuilder, OnnxType, TensorName } from './graph-builder.js';
import type { Int8Weight } from './int8-weights.js';
import { findWeight, type Weights, type WeightType } from './safetensors.js';

/** What the graphs calculate in. Weights of another type are cast, once, when the session is made. */
export type Precision = 'float32' | 'float16';

/**
 * Whose fused operators the graphs are built of. The operators of `cuda` exist on the CPU too, most of them slower there: so a graph can be checked
 * where there is no GPU.
 */
export type Kernels = 'cpu' | 'cuda';

const onnxTypeOfWeight: { readonly [T in WeightType]: OnnxType } = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };
const onnxNumber: { readonly [P in Precision]: number } = { float32: 1, float16: 10 };

/** PyTorch's default for LayerNorm, which Whisper uses. */
const normEpsilon = 1e-5;

/** What a block adds to the residual: rows [batch * positions, width], and the bias that still comes on top of each. */
export interface BlockResult {
  readonly rows: TensorName;
  readonly bias?: TensorName;
}

/** Rows x as integers: x[row] is about (values[row] - 128) * scales[row]. */
interface RoundedRows {
  /** uint8 [rows, width] */
  readonly values: TensorName;
  /** float32 [rows, 1] */
  readonly scales: TensorName;
  /** uint8 scalar: 128 */
  readonly zero: TensorName;
}

/**
 * Adds layers to a graph. Hidden states are rows: [batch * positions, width], so that every linear map is one Gemm that takes PyTorch's
 * [out, in] weights as they are; only attention sees [batch, positions, width].
 */
export class LayerBuilder {
  readonly #known = new Map<string, TensorName>();
  readonly #rounded = new Map<TensorName, RoundedRows>();

  /** @param int8 linear maps that are calculated in integers (float32 graphs only) */
  constructor(
    readonly graph: GraphBuilder,
    readonly config: WhisperConfig,
    readonly weights: Weights,
    readonly precision: Precision,
    readonly kernels: Kernels,
    private readonly int8: ReadonlyMap<string, Int8Weight> = new Map(),
  ) {}

  /** A weight of the network in the graph's precision. Throws ModelError `fileInvalid` when it is absent or of another shape. */
  weight(name: string, shape: readonly number[]): TensorName {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const tensor = findWeight(this.weights, name);
    checkShape(name, tensor.shape, shape);
    const type = onnxTypeOfWeight[tensor.type];
    const { file: location, offset, length } = tensor;
    const stored = this.graph.external(name, { type, dims: shape, location, offset, length });
    const result = type === this.precision ? stored : this.cast(stored, this.precision);
    this.#known.set(name, result);
    return result;
  }

  cast(x: TensorName, to: Precision): TensorName {
    return this.graph.op('Cast', [x], { to: onnxNumber[to] });
  }

  /** x [rows, inputs] -> [rows, outputs]. */
  linear(x: TensorName, name: string, outputs: number, inputs: number, bias = true): TensorName {
    const int8 = this.int8.get(name);
    if (int8 !== undefined) {
      checkShape(`${name}.weight`, [int8.outputs, int8.inputs], [outputs, inputs]);
      const product = this.#int8Product(x, int8);
      return bias ? this.graph.op('Add', [product, this.weight(`${name}.bias`, [outputs])]) : product;
    }
    const weight = this.weight(`${name}.weight`, [outputs, inputs]);
    const operands = bias ? [x, weight, this.weight(`${name}.bias`, [outputs])] : [x, weight];
    return this.graph.op('Gemm', operands, { transB: 1 });
  }

  /** Linear maps of the same rows as one product: x [rows, inputs] -> [rows, maps * outputs]. Their weights are joined once, when the session is made. */
  joinedLinear(
    x: TensorName,
    maps: readonly { readonly name: string; readonly bias: boolean }[],
    outputs: number,
    inputs: number,
  ): TensorName {
    const { graph } = this;
    const weights = maps.map(({ name }) => this.weight(`${name}.weight`, [outputs, inputs]));
    const zeros = (): TensorName => {
      const constant = graph.floats(new Float32Array(outputs), [outputs]);
      return this.precision === 'float32' ? constant : this.cast(constant, this.precision);
    };
    const biases = maps.map(({ name, bias }) => (bias ? this.weight(`${name}.bias`, [outputs]) : zeros()));
    const joined = [weights, biases].map((parts) => graph.op('Concat', parts, { axis: 0 }));
    return graph.op('Gemm', [x, ...joined], { transB: 1 });
  }

  /**
   * The last linear map of a block. A GPU adds its bias with the residual: in a product it costs a pass of its own over the result.
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
   * The values of attention. A GPU leaves out their bias: the weights of attention sum to 1, so it comes out as it went in, and the block's last map adds what
   * it makes of it, which is calculated once, when the session is made.
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
   * Adds a block's result to the residual and normalises the sum: [normalised, sum]. A GPU has one kernel for both; on the CPU that kernel is seven
   * times slower than the two (0.74 ms and 0.10 ms for 300 rows of 384).
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
   * Attention among all positions: query, key, value rows [batch * positions, width] -> rows. `shape`: [batch, positions, width].
   *
   * A GPU has one kernel for it. On the CPU that kernel takes seven times as long where attention is sharp (14-16 ms instead of 2 for 300 positions):
   * weights that underflow to denormal numbers make the products slow. So the steps stand apart here, and no score is further below its row's largest
   * than e^-80, which no sum notices.
   */
  selfAttention(query: TensorName, key: TensorName, value: TensorName, shape: TensorName, heads: number): TensorName {
    const { graph } = this;
    const { width } = this.config;
    if (this.kernels === 'cuda') {
      const inputs = [query, key, value].map((x) => this.unflatten(x, shape));
      return this.flatten(graph.op('com.microsoft.MultiHeadAttention', inputs, { num_heads: heads }));
    }
    const headWidth = width / heads;
    const split = graph.op('Concat', [this.sizesOf(shape, 0, 2), graph.integers(heads, headWidth)], { axis: 0 });
    const byHead = (x: TensorName): TensorName =>
      graph.op('Transpose', [graph.op('Reshape', [x, split])], { perm: [0, 2, 1, 3] });
    const scores = graph.op('com.microsoft.FusedMatMul', [byHead(query), byHead(key)], {
      transB: 1,
      alpha: { float: 1 / Math.sqrt(headWidth) },
    });
    const largest = graph.op('ReduceMax', [scores, graph.integers(-1)], { keepdims: 1 });
    const least = graph.op('Sub', [largest, graph.floats(Float32Array.of(80), [])]);
    const weights = graph.op('Softmax', [graph.op('Max', [scores, least])], { axis: -1 });
    const heard = graph.op('MatMul', [weights, byHead(value)]);
    return this.flatten(graph.op('Transpose', [heard], { perm: [0, 2, 1, 3] }));
  }

  /** The exact one, by the error function. */
  gelu(x: TensorName): TensorName {
    return this.graph.op(this.kernels === 'cuda' ? 'com.microsoft.Gelu' : 'Gelu', [x]);
  }

  /**
   * The index of the largest value along the last axis, which is left out, and that value. CUDA has ArgMax only in older forms than the graphs', so it takes the
   * first of one.
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
    return this.graph.op('Reshape', [x, this.graph.integers(-1, this.config.width)]);
  }

  /** Entries `start` to `end` of an int64 vector. */
  sizesOf(shape: TensorName, start: number, end: number): TensorName {
    const { graph } = this;
    return graph.op('Slice', [shape, graph.integers(start), graph.integers(end)]);
  }

  /** The size of one axis, as an int64 vector of one. */
  sizeOf(x: TensorName, axis: number): TensorName {
    return this.graph.op('Shape', [x], { start: axis, end: axis + 1 });
  }

  /** x [rows, inputs] -> [rows, outputs], without the bias. */
  #int8Product(x: TensorName, { values, scales, outputs, inputs }: Int8Weight): TensorName {
    const { graph } = this;
    const rows = this.#roundRows(x);
    const weight = graph.bytes(values, [inputs, outputs]);
    const product = graph.op('com.microsoft.MatMulIntegerToFloat', [
      rows.values,
      weight,
      graph.floats(Float32Array.of(1), []),
      graph.floats(scales, [outputs]),
      rows.zero,
    ]);
    return graph.op('Mul', [product, rows.scales]);
  }

  /**
   * Each row by its own largest magnitude, so that a frame's result depends neither on the frames beside it, nor on the padding, nor on the other windows
   * of the batch: DynamicQuantizeLinear takes one scale for all of them. Done once for all maps that read the same rows.
   */
  #roundRows(x: TensorName): RoundedRows {
    const known = this.#rounded.get(x);
    if (known !== undefined) return known;
    const { graph } = this;
    const constant = (value: number): TensorName => graph.floats(Float32Array.of(value), []);
    const magnitude = graph.op('ReduceMax', [graph.op('Abs', [x]), graph.integers(1)], { keepdims: 1 });
    // A row of zeros stays one, whatever its scale.
    const scales = graph.op('Mul', [graph.op('Max', [magnitude, constant(1e-30)]), constant(1 / 127)]);
    const perRow = graph.op('Squeeze', [scales, graph.integers(1)]);
    const zero = graph.bytes(Uint8Array.of(128), []);
    const zeros = graph.op('Expand', [zero, graph.op('Shape', [perRow])]);
    const rows = { values: graph.op('QuantizeLinear', [x, perRow, zeros], { axis: 0 }), scales, zero };
    this.#rounded.set(x, rows);
    return rows;
  }
}

/** Throws ModelError `fileInvalid`. */
function checkShape(name: string, found: readonly number[], wanted: readonly number[]): void {
  if (found.join() === wanted.join()) return;
  throw new ModelError(
    'fileInvalid',
    `${name} is [${found.join(', ')}], the configuration says [${wanted.join(', ')}]`,
  );
}
