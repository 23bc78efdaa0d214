// Cross-attention to keys and values in bytes.
import { heardInputs, statesShape, unchanged, type Looking } from './cross-attention.js';
import { onnxTypes, type GraphBuilder, type TensorName } from './graph-builder.js';
import type { LayerBuilder } from './layers.js';

/** What the operator wants beside queries, keys and values. */
interface Windows {
  /** float32 [windows, 0, width]: nothing is added to the keys and values. */
  readonly nothing: TensorName;
  /** int32 [windows]: of each. */
  readonly lastFrame: TensorName;
}

/** Sizes that all layers share. */
interface Sizes {
  readonly all: Windows;
  readonly one: Windows;
  /** int32 [1]: of a window. */
  readonly frames: TensorName;
  readonly pieces: Pieces;
}

/** How the queries of each row behind its first are parted in pieces of one length. */
interface Pieces {
  /** bool scalar. */
  readonly areAny: TensorName;
  /** int64 [1]: how many such queries a row has. */
  readonly queries: TensorName;
  /** int64 scalars: pieces of a row, and of all of them. */
  readonly ofRow: TensorName;
  readonly count: TensorName;
  /** What is padded behind a row, as Pad wants it. */
  readonly padding: TensorName;
  /** The padded queries piece by piece [count, length, width], and row by row [B, -, width]. */
  readonly byPiece: TensorName;
  readonly byRow: TensorName;
}

/**
 * By an operator that reads a cache in bytes (GroupQueryAttention), to which nothing is added here. It knows one scale
 * for all windows, so what a byte stands for is multiplied into the query and into the result. A query's result is the
 * same to the last bit, alone or beside others. But it takes several queries for one window only: so all windows are
 * looked at with their first query at once, and with the others one after the other. With more than a window has frames
 * it does not take them either: they are parted in pieces.
 */
export function lookingAtBytes(layers: LayerBuilder, tokens: TensorName): Looking {
  const { graph, config } = layers;
  const { decoderHeads: heads, width } = config;
  const shape = statesShape(layers, tokens);
  const scale = graph.floats(Float32Array.of(1), [1]);
  const attributes = {
    num_heads: heads,
    kv_num_heads: heads,
    causal: 0,
    kv_cache_bit_width: 8,
    k_quant_type: 'PER_TENSOR',
    v_quant_type: 'PER_TENSOR',
  } as const;
  let known: Sizes | undefined;
  return (layer, query) => {
    const [keys = '', values = '', keyScales = '', valueScales = ''] = heardInputs(layers, layer);
    const { all, one, frames, pieces } = (known ??= sizesOf(layers, tokens, keys));
    const attend = (x: TensorName, { nothing, lastFrame }: Windows, k: TensorName, v: TensorName): TensorName[] =>
      graph.ops(
        'com.microsoft.GroupQueryAttention',
        [x, nothing, nothing, k, v, lastFrame, frames, '', '', '', '', '', scale, scale],
        attributes,
        [true, true, true],
      );
    const queries = graph.op('Mul', [graph.op('Reshape', [query, shape]), keyScales]);
    const [first = '', sameKeys = '', sameValues = ''] = attend(placesOf(graph, queries, 0, 1), all, keys, values);
    for (const [name, same] of [
      [keys, sameKeys],
      [values, sameValues],
    ] as const) {
      graph.output(unchanged(name), same, 'int8', ['batch', heads, 'frames', width / heads]);
    }
    const lookWithOthers = (): TensorName => {
      const others = graph.op('Pad', [placesOf(graph, queries, 1), pieces.padding]);
      const byPiece = graph.op('Reshape', [others, pieces.byPiece]);
      const looked = graph.forEach(pieces.count, ['length', width], (piece) => {
        const row = graph.op('Div', [piece, pieces.ofRow]);
        const pick = (x: TensorName, at: TensorName): TensorName =>
          graph.op('Unsqueeze', [graph.op('Gather', [x, at]), graph.integers(0)]);
        const [result = ''] = attend(pick(byPiece, piece), one, pick(keys, row), pick(values, row));
        return graph.op('Squeeze', [result, graph.integers(0)]);
      });
      const byRow = graph.op('Reshape', [looked, pieces.byRow]);
      const rest = graph.op('Slice', [byRow, graph.integers(0), pieces.queries, graph.integers(1)]);
      return graph.op('Mul', [graph.op('Concat', [first, rest], { axis: 1 }), valueScales]);
    };
    const alone = (): TensorName => graph.op('Mul', [first, valueScales]);
    return graph.either(pieces.areAny, ['batch', 'new', width], lookWithOthers, alone);
  };
}

/** Of each row of x [B, n, width] the places from `start` on. */
function placesOf(graph: GraphBuilder, x: TensorName, start: number, end = 2 ** 31 - 1): TensorName {
  return graph.op('Slice', [x, graph.integers(start), graph.integers(end), graph.integers(1)]);
}

function sizesOf(layers: LayerBuilder, tokens: TensorName, keys: TensorName): Sizes {
  const { graph, config } = layers;
  const { width } = config;
  const join = (...parts: readonly TensorName[]): TensorName => graph.op('Concat', parts, { axis: 0 });
  const int32 = (x: TensorName): TensorName => graph.op('Cast', [x], { to: onnxTypes.int32 });
  const scalar = (x: TensorName): TensorName => graph.op('Squeeze', [x, graph.integers(0)]);
  const less1 = (x: TensorName): TensorName => graph.op('Sub', [x, graph.integers(1)]);
  const batch = layers.sizeOf(tokens, 0);
  const frames = layers.sizeOf(keys, 2);
  const nothing = graph.floats(new Float32Array(0), [1, 0, width]);
  const lastFrame = int32(less1(frames));
  const queries = less1(layers.sizeOf(tokens, 1));
  // Not 0, by which nothing can be divided, where there are none.
  const length = graph.op('Max', [graph.op('Min', [queries, frames]), graph.integers(1)]);
  const ofRow = graph.op('Div', [less1(graph.op('Add', [queries, length])), length]);
  const places = graph.op('Mul', [ofRow, length]);
  const count = graph.op('Mul', [batch, ofRow]);
  return {
    all: {
      nothing: graph.op('Expand', [nothing, join(batch, graph.integers(0, width))]),
      lastFrame: graph.op('Expand', [lastFrame, batch]),
    },
    one: { nothing, lastFrame },
    frames: int32(frames),
    pieces: {
      areAny: graph.op('Greater', [scalar(queries), graph.integer(0)]),
      queries,
      ofRow: scalar(ofRow),
      count: scalar(count),
      padding: join(graph.integers(0, 0, 0, 0), graph.op('Sub', [places, queries]), graph.integers(0)),
      byPiece: join(count, length, graph.integers(width)),
      byRow: join(batch, places, graph.integers(width)),
    },
  };
}
