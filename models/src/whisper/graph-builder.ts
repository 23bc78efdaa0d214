// Writes an ONNX graph node by node; large constants may stay where they are, in another file.
import proto from 'onnx-proto';
import type { Tensor } from '../onnxruntime/index.js';

const { onnx } = proto;
const { GRAPH } = onnx.AttributeProto.AttributeType;

/** Element types that the graphs use, by ONNX's numbers (`TensorProto.DataType`). */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;
export type OnnxType = keyof typeof onnxTypes;

/** A string is a dimension known only at run time. */
export type Dims = readonly (number | string)[];

/** The name of a tensor in the graph. */
export type TensorName = string;

/** A node attribute: numbers are integers, `{ float }` is a float. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

/** Bytes of a tensor in a file beside the model. */
export interface ExternalData {
  readonly type: OnnxType;
  readonly dims: readonly number[];
  /** Relative to the folder that the session is told, with forward slashes. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

interface Node extends proto.onnx.INodeProto {
  readonly input: TensorName[];
  readonly output: TensorName[];
  /** Parts that it runs, by the names of its attributes. */
  readonly bodies?: Readonly<Record<string, Body>>;
}

interface Body extends Pick<proto.onnx.IGraphProto, 'name' | 'input' | 'output'> {
  readonly nodes: readonly Node[];
}

/** Opset 20 has Gelu, reductions with axes as an input, and LayerNormalization; ONNX Runtime 1.17 and later know it. */
const opset = 20;
const irVersion = 9;

/** A place that is never looked at. */
const BESIDE = 'beside';

export interface Graph {
  /** A serialised ONNX model. */
  readonly model: Uint8Array;
  /** Weights that are handed to the session with it; see SessionOptions. */
  readonly beside: ReadonlyMap<string, Tensor>;
}

export class GraphBuilder {
  readonly #name: string;
  /** Of the part that is being built. */
  #nodes: Node[] = [];
  readonly #initializers: proto.onnx.ITensorProto[] = [];
  readonly #inputs: proto.onnx.IValueInfoProto[] = [];
  readonly #outputs: proto.onnx.IValueInfoProto[] = [];
  /** Small integer constants by content: shapes and axes repeat in every layer. */
  readonly #integers = new Map<string, TensorName>();
  readonly #beside = new Map<TensorName, Tensor>();
  readonly #outputNames = new Map<TensorName, TensorName>();
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Declares an input. */
  input(name: TensorName, type: OnnxType, dims: Dims): TensorName {
    this.#inputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** Makes the result of a node an output under `name`. */
  output(name: TensorName, tensor: TensorName, type: OnnxType, dims: Dims): void {
    this.#outputNames.set(tensor, name);
    this.#outputs.push(valueInfo(name, type, dims));
  }

  /**
   * Adds a node with one output. Absent optional inputs are ''. Operators of `com.microsoft` are written with that
   * prefix.
   */
  op(opType: string, inputs: readonly TensorName[], attributes: Readonly<Record<string, Attribute>> = {}): TensorName {
    return this.ops(opType, inputs, attributes, [true])[0] ?? '';
  }

  /** Adds a node with several outputs, of which some may be left out; the result has '' in their place. */
  ops(
    opType: string,
    inputs: readonly TensorName[],
    attributes: Readonly<Record<string, Attribute>>,
    wanted: readonly boolean[],
  ): TensorName[] {
    const [type, domain] = splitDomain(opType);
    const output = wanted.map((isWanted) => (isWanted ? `${type}_${this.#count++}` : ''));
    this.#nodes.push({
      name: output.find(Boolean) ?? type,
      opType: type,
      domain,
      input: [...inputs],
      output,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
    return output;
  }

  /**
   * Adds a part that runs for each number below `count` (int64 scalar); what it gives, float32 of the dimensions
   * `dims`, is stacked: [count, ...dims]. `build` adds its nodes, which may use all that is there already.
   */
  forEach(count: TensorName, dims: Dims, build: (index: TensorName) => TensorName): TensorName {
    const id = this.#count++;
    const [index, goesOn] = [`index_${id}`, `goesOn_${id}`];
    const input = [valueInfo(index, 'int64', []), valueInfo(goesOn, 'bool', [])];
    const body = this.#body(() => {
      const result = build(index);
      return [valueInfo(this.op('Identity', [goesOn]), 'bool', []), valueInfo(result, 'float32', dims)];
    });
    return this.#bodied('Loop', [count, ''], { body: { ...body, input } });
  }

  /**
   * Adds two parts, of which one runs, as `condition` (bool scalar) says; both give float32 of the dimensions `dims`,
   * by a node of their own.
   */
  either(condition: TensorName, dims: Dims, then: () => TensorName, otherwise: () => TensorName): TensorName {
    const branch = (build: () => TensorName): Body => this.#body(() => [valueInfo(build(), 'float32', dims)]);
    return this.#bodied('If', [condition], { then_branch: branch(then), else_branch: branch(otherwise) });
  }

  #bodied(opType: string, input: TensorName[], bodies: Readonly<Record<string, Body>>): TensorName {
    const output = `${opType}_${this.#count++}`;
    this.#nodes.push({ name: output, opType, domain: '', input, output: [output], bodies });
    return output;
  }

  #body(build: () => proto.onnx.IValueInfoProto[]): Body {
    const around = this.#nodes;
    const nodes: Node[] = [];
    this.#nodes = nodes;
    const output = build();
    this.#nodes = around;
    return { name: `body_${this.#count++}`, nodes, input: [], output };
  }

  /** An int64 vector. */
  integers(...values: readonly number[]): TensorName {
    return this.#integer(values, [values.length]);
  }

  /** An int64 scalar. */
  integer(value: number): TensorName {
    return this.#integer([value], []);
  }

  /** A float32 constant, kept in the graph. */
  floats(values: Float32Array, dims: readonly number[]): TensorName {
    return this.#constant('float32', values, dims);
  }

  /** A constant of bytes, kept in the graph. */
  bytes(values: Uint8Array | Int8Array, dims: readonly number[]): TensorName {
    return this.#constant(values instanceof Int8Array ? 'int8' : 'uint8', values, dims);
  }

  /** A matrix that is handed over beside the graph, which is then small: it is neither written nor read with it. */
  beside(values: Int8Array, dims: readonly number[]): TensorName {
    const name = `beside_${this.#count++}`;
    this.external(name, { type: 'int8', dims, location: BESIDE, offset: 0, length: values.length });
    this.#beside.set(name, { type: 'int8', dims, data: values });
    return name;
  }

  /** A constant whose bytes lie in another file. */
  external(name: TensorName, { type, dims, location, offset, length }: ExternalData): TensorName {
    this.#initializers.push({
      name,
      dataType: onnxTypes[type],
      dims: [...dims],
      dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
      externalData: Object.entries({ location, offset, length }).map(([key, value]) => ({ key, value: String(value) })),
    });
    return name;
  }

  /** The finished model. */
  build(): Graph {
    const renamed = (names: readonly TensorName[]): TensorName[] =>
      names.map((name) => this.#outputNames.get(name) ?? name);
    const written = ({ bodies, ...node }: Node): proto.onnx.INodeProto => ({
      ...node,
      input: renamed(node.input),
      output: renamed(node.output),
      ...(bodies && {
        attribute: Object.entries(bodies).map(([name, body]) => ({ name, type: GRAPH, g: graphOf(body) })),
      }),
    });
    const graphOf = ({ nodes, ...more }: Body): proto.onnx.IGraphProto => ({ ...more, node: nodes.map(written) });
    const model = onnx.ModelProto.create({
      irVersion,
      producerName: 'sotto',
      opsetImport: [
        { domain: '', version: opset },
        { domain: 'com.microsoft', version: 1 },
      ],
      graph: {
        name: this.#name,
        node: this.#nodes.map(written),
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
    return { model: onnx.ModelProto.encode(model).finish(), beside: this.#beside };
  }

  #constant(type: OnnxType, values: Float32Array | Uint8Array | Int8Array, dims: readonly number[]): TensorName {
    const name = `constant_${this.#count++}`;
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#initializers.push({ name, dataType: onnxTypes[type], dims: [...dims], rawData });
    return name;
  }

  #integer(values: readonly number[], dims: readonly number[]): TensorName {
    const key = `${dims.length}:${values.join(',')}`;
    let name = this.#integers.get(key);
    if (name === undefined) {
      name = `integers_${this.#integers.size}`;
      const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
      this.#initializers.push({ name, dataType: onnxTypes.int64, dims: [...dims], rawData });
      this.#integers.set(key, name);
    }
    return name;
  }
}

/** `com.microsoft.MultiHeadAttention` -> its type and its domain. */
function splitDomain(opType: string): [type: string, domain: string] {
  const dot = opType.lastIndexOf('.');
  return dot < 0 ? [opType, ''] : [opType.slice(dot + 1), opType.slice(0, dot)];
}

function attribute(name: string, value: Attribute): proto.onnx.IAttributeProto {
  const { AttributeType } = onnx.AttributeProto;
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: Buffer.from(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}

function valueInfo(name: string, type: OnnxType, dims: Dims): proto.onnx.IValueInfoProto {
  const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: onnxTypes[type], shape: { dim } } } };
}
