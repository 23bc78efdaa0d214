// The decoder's graph: one for the prompt, for the verification of a draft and for single steps. The best tokens are
// chosen inside.
import type { SpecialTokens } from '../tokenizer/index.js';
import { alignmentLayers } from './encode-graph.js';
import type { TensorName } from './graph-builder.js';
import type { BlockResult, LayerBuilder } from './layers.js';
import { looking } from './looking.js';
import { addChoice, addVocabulary, type Timestamps } from './token-choice.js';

/** Far below any score, and finite in the graph's precision: the softmax of a masked place is exactly 0. */
const masked = { float32: -1e30, float16: -65_504 } as const;

/**
 * How the decoder remembers the tokens that it was fed. `growing`: each run writes a new, longer cache; places may be
 * left out by a mask. `inPlace`: a buffer of fixed size, in which each row's places follow each other without gaps; a
 * run writes behind them. So nothing is copied, and shapes repeat.
 */
export type Cache = 'growing' | 'inPlace';

export interface DecodeForm {
  readonly cache: Cache;
  /** Tokens that may be chosen where the rule is `timed` or `timestamp`; undefined: none, `timed` is `text` then. */
  readonly timestamps: Timestamps | undefined;
}

/**
 * Adds the graph. B rows, n new tokens each, P places in the cache, m chosen positions, T encoder frames, V tokens.
 * Inputs:
 * - `tokens`, `positions` int64 [B, n]: rows that are shorter are padded behind with any token.
 * - `mask` bool [B, 1 or n, P + n] (`growing`): which places, cached and new, hold a token of the row; the others are
 *   never
 *   attended to. With n each new token has its own, and may see less.
 * - `lastPlace` int32 [B] (`inPlace`): the row's last place, of those that hold its text after this run. `places` int32
 *   [1]: how many places the
 *   longest row then has. Several new tokens at once are the first of their rows.
 * - `select` int64 [m]: positions (row * n + column) for which a next token is chosen.
 * - `rules` int64 [m]: which tokens may be chosen; see token-choice.ts.
 * - `audioFrames` int64 [B]: encoder frames before the padding.
 * - `pastKey_i`, `pastValue_i` [B, heads, P, headWidth]; what the encode graph hands on.
 *
 * Outputs: `best` int64 [m], `logprob` float32 [m] (natural log, under the rules), `frame` int64 [m] (where the
 * alignment heads look on average), `logits` float32 [m, V] (under the rules; with a GPU's kernels V is a multiple of
 * 8, -Infinity behind the vocabulary), `presentKey_i`, `presentValue_i`; and with a meaning where the rules are `start`
 * only: `noSpeech` float32 [m] (probability of <|nospeech|>), `languages` float32 [m, languages] (their probabilities
 * among each other, multilingual models only).
 */
export function addDecodeGraph(layers: LayerBuilder, special: SpecialTokens, { cache, timestamps }: DecodeForm): void {
  const { graph, config } = layers;
  const { width, decoderInner } = config;
  const tokens = graph.input('tokens', 'int64', ['batch', 'new']);
  const positions = graph.input('positions', 'int64', ['batch', 'new']);
  const select = graph.input('select', 'int64', ['chosen']);
  const shape = graph.op('Concat', [graph.op('Shape', [tokens]), graph.integers(width)], { axis: 0 });
  const isByRow = layers.kernels === 'cpu';
  const growing = (): Attention => (isByRow ? growingRowByRow(layers, tokens) : growingAtOnce(layers, tokens, shape));
  const attend = cache === 'growing' ? growing() : inPlaceAttention(layers, tokens);
  let residual = addEmbedding(layers, tokens, positions);
  let result: BlockResult | undefined;
  const norm = (name: string): TensorName => {
    if (result === undefined) return layers.norm(residual, name);
    const [normed, sum] = layers.addAndNorm(residual, result, name);
    residual = sum;
    return normed;
  };
  const queries: TensorName[] = [];
  const look = looking(layers, tokens);
  for (let i = 0; i < config.decoderLayers; i++) {
    const layer = `decoder.layers.${i}`;
    const self = `${layer}.self_attn`;
    const heard = attend(i, self, norm(`${self}_layer_norm`));
    result = layers.closingLinear(layers.flatten(heard), `${self}.out_proj`, width, width);

    const cross = `${layer}.encoder_attn`;
    const query = layers.linear(norm(`${cross}_layer_norm`), `${cross}.q_proj`, width, width);
    queries.push(query);
    result = layers.closingLinear(layers.flatten(look(i, query)), `${cross}.out_proj`, width, width, `${cross}.v_proj`);
    result = layers.feedForward(norm(`${layer}.final_layer_norm`), layer, decoderInner);
  }
  const states = graph.op('Gather', [norm('decoder.layer_norm'), select], { axis: 0 });
  addChoice(layers, states, special, timestamps);
  const frames = addAttendedFrames(layers, queries, shape);
  graph.output('frame', graph.op('Gather', [frames, select], { axis: 0 }), 'int64', ['chosen']);
}

/** Self-attention of one layer, its projections included: rows [B * n, width] -> what was heard [B, n, width]. */
type Attention = (layer: number, weights: string, x: TensorName) => TensorName;

/** Whisper's keys have no bias. */
const projections = [
  { map: 'q_proj', bias: true },
  { map: 'k_proj', bias: false },
  { map: 'v_proj', bias: true },
] as const;

/** Query, key and value of rows x: [B, heads, n, headWidth] each. */
type Projections = (x: TensorName, weights: string) => readonly TensorName[];

/** In integers as one product: rounding the rows and what else is to be done around a product is then done once. */
function projectionsByHead(layers: LayerBuilder, tokens: TensorName): Projections {
  const { graph, config } = layers;
  const { width, decoderHeads: heads } = config;
  const places = graph.op('Shape', [tokens]);
  const headsFirst = (x: TensorName, parts: number): TensorName => {
    const split = graph.op('Concat', [places, graph.integers(parts * heads, width / heads)], { axis: 0 });
    return graph.op('Transpose', [graph.op('Reshape', [x, split])], { perm: [0, 2, 1, 3] });
  };
  return (x, weights) => {
    const maps = projections.map(({ map, bias }) => ({ name: `${weights}.${map}`, bias }));
    if (maps.every(({ name }) => layers.int8Map(name, width, width) !== undefined)) {
      const joined = headsFirst(layers.joinedLinear(x, maps, width, width), maps.length);
      return graph.ops('Split', [joined], { axis: 1, num_outputs: maps.length }, [true, true, true]);
    }
    return maps.map(({ name, bias }) => headsFirst(layers.linear(x, name, width, width, bias), 1));
  };
}

/**
 * In steps of its own, such that a row comes out the same to the last bit whatever stands beside it. A query of zeros
 * stands behind the others, so that there are always several: one alone takes another kernel (see looking.ts).
 * The weights of places are summed by a product, as the values are: one after the other, so that places that are left
 * out change nothing. A softmax sums by its length.
 */
function growingRowByRow(layers: LayerBuilder, tokens: TensorName): Attention {
  const { graph, config, precision } = layers;
  const mask = graph.input('mask', 'bool', ['batch', 'masks', 'places']);
  const bias = addAttentionBias(layers, tokens, mask);
  const { width, decoderHeads: heads } = config;
  const headWidth = width / heads;
  const project = projectionsByHead(layers, tokens);
  const oneMore = (x: TensorName): TensorName => graph.op('Pad', [x, graph.integers(0, 0, 0, 0, 0, 0, 1, 0)]);
  const biases = oneMore(bias);
  const ones = graph.op('Expand', [
    graph.floats(Float32Array.of(1), []),
    graph.op('Concat', [layers.sizeOf(mask, 2), graph.integers(headWidth)], { axis: 0 }),
  ]);
  return (layer, weights, x) => {
    const [query = '', key = '', value = ''] = project(x, weights);
    const remember = (kind: string, added: TensorName): TensorName => {
      const past = graph.input(`past${kind}_${layer}`, precision, ['batch', heads, 'past', headWidth]);
      const present = graph.op('Concat', [past, added], { axis: 2 });
      graph.output(`present${kind}_${layer}`, present, precision, ['batch', heads, 'places', headWidth]);
      return present;
    };
    const [keys, values] = [remember('Key', key), remember('Value', value)];
    const products = graph.op('com.microsoft.FusedMatMul', [oneMore(query), keys], {
      transB: 1,
      alpha: { float: 1 / Math.sqrt(headWidth) },
    });
    const scores = graph.op('Add', [products, biases]);
    const largest = graph.op('ReduceMax', [scores, graph.integers(-1)], { keepdims: 1 });
    const parts = graph.op('Exp', [graph.op('Sub', [scores, largest])]);
    const heard = graph.op('Div', [graph.op('MatMul', [parts, values]), graph.op('MatMul', [parts, ones])]);
    const wanted = graph.op('Slice', [heard, graph.integers(0), graph.integers(-1), graph.integers(2)]);
    return graph.op('Transpose', [wanted], { perm: [0, 2, 1, 3] });
  };
}

/** In one kernel. */
function growingAtOnce(layers: LayerBuilder, tokens: TensorName, shape: TensorName): Attention {
  const { width } = layers.config;
  const mask = layers.graph.input('mask', 'bool', ['batch', 'masks', 'places']);
  const bias = addAttentionBias(layers, tokens, mask);
  return (layer, weights, x) => {
    const projected = projections
      .map(({ map, bias }) => layers.linear(x, `${weights}.${map}`, width, width, bias))
      .map((rows) => layers.unflatten(rows, shape));
    return addCachedAttention(layers, layer, ['past', 'places'], (pastKey, pastValue) => ({
      opType: 'com.microsoft.MultiHeadAttention',
      inputs: [...projected, '', '', bias, pastKey, pastValue],
      attributes: {},
    }));
  };
}

/**
 * Causal by itself: what is behind a row's last place is never looked at, so neither mask nor bias is needed. Takes the
 * projections in one tensor.
 */
function inPlaceAttention(layers: LayerBuilder, tokens: TensorName): Attention {
  const { graph, config } = layers;
  const { width } = config;
  const lastPlace = graph.input('lastPlace', 'int32', ['batch']);
  const places = graph.input('places', 'int32', [1]);
  const shape = graph.op('Concat', [graph.op('Shape', [tokens]), graph.integers(projections.length * width)], {
    axis: 0,
  });
  return (layer, weights, x) => {
    const maps = projections.map(({ map, bias }) => ({ name: `${weights}.${map}`, bias }));
    const packed = layers.unflatten(layers.joinedLinear(x, maps, width, width), shape);
    return addCachedAttention(layers, layer, ['capacity', 'capacity'], (pastKey, pastValue) => ({
      opType: 'com.microsoft.GroupQueryAttention',
      inputs: [packed, '', '', pastKey, pastValue, lastPlace, places],
      attributes: { kv_num_heads: config.decoderHeads },
    }));
  };
}

/** Declares the cache of a layer, past and present, around the operator that reads and writes it. */
function addCachedAttention(
  { graph, config, precision }: LayerBuilder,
  layer: number,
  [past, present]: readonly [string, string],
  operator: (
    pastKey: TensorName,
    pastValue: TensorName,
  ) => { opType: string; inputs: readonly TensorName[]; attributes: Readonly<Record<string, number>> },
): TensorName {
  const { decoderHeads: heads, width } = config;
  const dims = (places: string): (string | number)[] => ['batch', heads, places, width / heads];
  const pastKey = graph.input(`pastKey_${layer}`, precision, dims(past));
  const pastValue = graph.input(`pastValue_${layer}`, precision, dims(past));
  const { opType, inputs, attributes } = operator(pastKey, pastValue);
  const [heard = '', presentKey = '', presentValue = ''] = graph.ops(
    opType,
    inputs,
    { num_heads: heads, ...attributes },
    [true, true, true],
  );
  graph.output(`presentKey_${layer}`, presentKey, precision, dims(present));
  graph.output(`presentValue_${layer}`, presentValue, precision, dims(present));
  return heard;
}

function addEmbedding(layers: LayerBuilder, tokens: TensorName, positions: TensorName): TensorName {
  const { graph, config, precision } = layers;
  const name = 'decoder.embed_tokens';
  // As a whole where the vocabulary's product takes it so: then it is there anyway.
  const isShared = config.tiedEmbedding && layers.int8Map(name, config.vocabularySize, config.width) === undefined;
  let embedded = isShared
    ? graph.op('Gather', [addVocabulary(layers), tokens])
    : layers.tableRows(name, config.vocabularySize, tokens);
  if (config.scaleEmbedding) {
    const scale = graph.floats(Float32Array.of(Math.sqrt(config.width)), []);
    embedded = graph.op('Mul', [embedded, precision === 'float32' ? scale : layers.cast(scale, precision)]);
  }
  const places = layers.weight('decoder.embed_positions.weight', [config.maxTargetPositions, config.width]);
  return layers.flatten(graph.op('Add', [embedded, graph.op('Gather', [places, positions])]));
}

/**
 * [B, 1, n, P + n]: 0 where a new token may look, far below any score where it may not (the future, and places that the
 * mask leaves out).
 */
function addAttentionBias(layers: LayerBuilder, tokens: TensorName, mask: TensorName): TensorName {
  const { graph, precision } = layers;
  const scalar = (x: TensorName): TensorName => graph.op('Squeeze', [x, graph.integers(0)]);
  const places = scalar(layers.sizeOf(mask, 2));
  const past = graph.op('Sub', [places, scalar(layers.sizeOf(tokens, 1))]);
  const keys = graph.op('Range', [graph.integer(0), places, graph.integer(1)]);
  const queries = graph.op('Unsqueeze', [graph.op('Range', [past, places, graph.integer(1)]), graph.integers(1)]);
  const isPast = graph.op('LessOrEqual', [keys, queries]);
  const allowed = graph.op('And', [graph.op('Unsqueeze', [mask, graph.integers(1)]), isPast]);
  const open = graph.floats(Float32Array.of(0), []);
  const shut = graph.floats(Float32Array.of(masked[precision]), []);
  const bias = graph.op('Where', [allowed, open, shut]);
  return precision === 'float32' ? bias : layers.cast(bias, precision);
}

/**
 * The encoder frame on which the alignment heads' mean attention peaks: int64 [B * n]. Frames of the padding are left
 * out, as in openai/whisper `timing.py`.
 */
function addAttendedFrames(layers: LayerBuilder, queries: readonly TensorName[], shape: TensorName): TensorName {
  const { graph, config, precision } = layers;
  const { decoderHeads: heads, alignmentHeads } = config;
  const headWidth = config.width / heads;
  const keys = graph.input('alignmentKeys', precision, ['batch', alignmentHeads.length, headWidth, 'frames']);
  const audioFrames = graph.input('audioFrames', 'int64', ['batch']);
  const rows = graph.op('Slice', [shape, graph.integers(0), graph.integers(2), graph.integers(0)]);
  const split = graph.op('Concat', [rows, graph.integers(heads, headWidth)], { axis: 0 });
  const chosen = alignmentLayers(alignmentHeads).map(({ layer, heads }) =>
    graph.op('Gather', [graph.op('Reshape', [queries[layer] ?? '', split]), graph.integers(...heads)], { axis: 2 }),
  );
  const aligned = graph.op('Transpose', [graph.op('Concat', chosen, { axis: 2 })], { perm: [0, 2, 1, 3] });
  const products = graph.op('MatMul', [aligned, keys]);
  const scale = graph.floats(Float32Array.of(1 / Math.sqrt(headWidth)), []);
  const scores = graph.op('Mul', [precision === 'float32' ? products : layers.cast(products, 'float32'), scale]);
  const count = graph.op('Squeeze', [layers.sizeOf(keys, 3), graph.integers(0)]);
  const frames = graph.op('Range', [graph.integer(0), count, graph.integer(1)]);
  const heard = graph.op('Less', [frames, graph.op('Unsqueeze', [audioFrames, graph.integers(1, 2, 3)])]);
  const within = graph.op('Where', [heard, scores, graph.floats(Float32Array.of(masked.float32), [])]);
  const mean = graph.op('ReduceMean', [graph.op('Softmax', [within]), graph.integers(1)], { keepdims: 0 });
  const { index: peak } = layers.largest(mean, 3);
  return graph.op('Reshape', [peak, graph.integers(-1)]);
}
