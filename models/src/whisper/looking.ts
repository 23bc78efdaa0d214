// How the decoder looks at the window: cross-attention to the keys and values that the encoder handed on.
import { heardInputs, statesShape, type Looking } from './cross-attention.js';
import type { TensorName } from './graph-builder.js';
import type { LayerBuilder } from './layers.js';
import { lookingAtBytes } from './looking-at-bytes.js';

/** @param tokens [B, n] */
export function looking(layers: LayerBuilder, tokens: TensorName): Looking {
  return { rows: lookingAtOnce, heads: lookingRowByRow, bytes: lookingAtBytes }[layers.heardForm](layers, tokens);
}

/** In one kernel. */
function lookingAtOnce(layers: LayerBuilder, tokens: TensorName): Looking {
  const shape = statesShape(layers, tokens);
  return (layer, query) => {
    const inputs = [layers.unflatten(query, shape), ...heardInputs(layers, layer)];
    return layers.graph.op('com.microsoft.MultiHeadAttention', inputs, { num_heads: layers.config.decoderHeads });
  };
}

/**
 * Each query for itself: a CPU multiplies one row by another kernel than several, which adds up in another order, and
 * what differs in the last bit may be rounded to the next step in the maps behind. One row reads keys and values where
 * they lie; two at once lay them out anew.
 */
function lookingRowByRow(layers: LayerBuilder, tokens: TensorName): Looking {
  const { graph, config } = layers;
  const { decoderHeads: heads, width } = config;
  const headWidth = width / heads;
  const split = graph.op('Concat', [graph.op('Shape', [tokens]), graph.integers(heads, 1, headWidth)], { axis: 0 });
  // Before the product: a product with a scale of its own lays the keys out anew.
  const scale = graph.floats(Float32Array.of(1 / Math.sqrt(headWidth)), []);
  const turned = (x: TensorName): TensorName => graph.op('Transpose', [x], { perm: [0, 2, 1, 3, 4] });
  return (layer, query) => {
    const [keys = '', values = ''] = heardInputs(layers, layer);
    const rows = turned(graph.op('Reshape', [graph.op('Mul', [query, scale]), split]));
    const scores = graph.op('com.microsoft.FusedMatMul', [rows, keys], { transB: 1 });
    return turned(graph.op('MatMul', [graph.op('Softmax', [scores], { axis: -1 }), values]));
  };
}
