// What the encoder hands to the decoder: keys and values of every decoder layer.
import type { WhisperConfig } from './config.js';
import type { TensorName } from './graph-builder.js';
import type { HeardForm, LayerBuilder, Precision } from './layers.js';

/** A tensor that the encoder hands on. */
export interface HeardTensor {
  readonly name: string;
  readonly type: Precision | 'int8';
  /** Dimensions behind the batch. */
  readonly dims: readonly (number | 'frames')[];
}

/** Of a layer: keys and values, and what a byte of each channel stands for. */
const names = (layer: number): { keys: string; values: string; keyScales: string; valueScales: string } => ({
  keys: `crossKey_${layer}`,
  values: `crossValue_${layer}`,
  keyScales: `crossKeyScales_${layer}`,
  valueScales: `crossValueScales_${layer}`,
});

/** The output that is the input of that name, unchanged: an operator that could add to it gives it out again. */
export function unchanged(name: string): string {
  return `unchanged_${name}`;
}

/** What the encoder hands on for cross-attention, layer by layer. */
export function crossTensors(config: WhisperConfig, form: HeardForm, precision: Precision): HeardTensor[] {
  const { decoderLayers, decoderHeads: heads, width } = config;
  const headWidth = width / heads;
  const layers = Array.from({ length: decoderLayers }, (_, i) => names(i));
  if (form === 'bytes') {
    return layers.flatMap(({ keys, values, keyScales, valueScales }) => [
      ...[keys, values].map((name) => ({ name, type: 'int8', dims: [heads, 'frames', headWidth] }) as const),
      ...[keyScales, valueScales].map((name) => ({ name, type: precision, dims: [1, width] }) as const),
    ]);
  }
  const dims = form === 'rows' ? (['frames', width] as const) : ([heads, 1, 'frames', headWidth] as const);
  return layers.flatMap(({ keys, values }) => [keys, values].map((name) => ({ name, type: precision, dims })));
}

/** The largest byte. */
const LARGEST = 127;

/** Keys and values of a layer, rows [batch * T, width], and the size of the batch, an int64 vector of one. */
interface Heard {
  readonly keys: TensorName;
  readonly values: TensorName;
  readonly batch: TensorName;
}

/** Encode graph: hands on keys and values. */
export function addCross(layers: LayerBuilder, layer: number, { keys, values, batch }: Heard): void {
  const { graph, config, precision, heardForm: form } = layers;
  const { decoderHeads: heads, width } = config;
  const of = names(layer);
  const shaped = (x: TensorName, ...dims: readonly number[]): TensorName =>
    graph.op('Reshape', [x, graph.op('Concat', [batch, graph.integers(...dims)], { axis: 0 })]);
  const byName = new Map(crossTensors(config, form, precision).map((tensor) => [tensor.name, tensor]));
  const give = (name: string, x: TensorName): void => {
    const { type, dims } = byName.get(name) ?? { type: precision, dims: [] };
    graph.output(name, x, type, ['batch', ...dims]);
  };
  for (const [x, name, scalesName] of [
    [keys, of.keys, of.keyScales],
    [values, of.values, of.valueScales],
  ] as const) {
    if (form === 'rows') give(name, shaped(x, -1, width));
    if (form === 'heads') {
      give(name, graph.op('Transpose', [shaped(x, -1, heads, 1, width / heads)], { perm: [0, 2, 3, 1, 4] }));
    }
    if (form !== 'bytes') continue;
    const rows = shaped(x, -1, width);
    const magnitude = graph.op('ReduceMax', [graph.op('Abs', [rows]), graph.integers(1)], { keepdims: 1 });
    // A channel of zeros stays one, whatever its scale.
    const above0 = graph.op('Max', [magnitude, graph.floats(Float32Array.of(1e-30), [])]);
    const scales = graph.op('Mul', [above0, graph.floats(Float32Array.of(1 / LARGEST), [])]);
    const one = graph.floats(Float32Array.of(1), []);
    const bytes = graph.op('QuantizeLinear', [graph.op('Div', [rows, scales]), one, graph.bytes(Int8Array.of(0), [])]);
    give(name, graph.op('Transpose', [shaped(bytes, -1, heads, width / heads)], { perm: [0, 2, 1, 3] }));
    give(scalesName, scales);
  }
}

/** Decode graph: attention of one layer to the window: query rows [B * n, width] -> [B, n, ...]. */
export type Looking = (layer: number, query: TensorName) => TensorName;

/** Declares the tensors of a layer as inputs, in the order of {@link crossTensors}. */
export function heardInputs({ graph, config, heardForm, precision }: LayerBuilder, layer: number): TensorName[] {
  const tensors = crossTensors(config, heardForm, precision);
  const each = tensors.length / config.decoderLayers;
  return tensors
    .slice(layer * each, (layer + 1) * each)
    .map(({ name, type, dims }) => graph.input(name, type, ['batch', ...dims]));
}

/** The int64 shape [B, n, width]. */
export function statesShape({ graph, config }: LayerBuilder, tokens: TensorName): TensorName {
  return graph.op('Concat', [graph.op('Shape', [tokens]), graph.integers(config.width)], { axis: 0 });
}
