// What comes behind a token: the map to the vocabulary, which tokens may be chosen, and the likeliest of these.
import type { SpecialTokens } from '../tokenizer/index.js';
import type { WhisperConfig } from './config.js';
import type { TensorName } from './graph-builder.js';
import { vocabularyMap } from './integer-maps.js';
import type { LayerBuilder } from './layers.js';

/**
 * Which tokens may be chosen: `text`: those of a text and its end; `begin`: of these, those that a text may begin with;
 * `start`: every one, behind <|startoftranscript|>, where the model says what it hears: speech or not, and the
 * language; `beginSpoken`: as `begin`, where somebody is known to speak, so that a text without words is less likely;
 * `timed`: as `text`, or a timestamp, and one of these where all together are likelier than any other token
 * (openai/whisper `decoding.py`, ApplyTimestampRules); `timestamp`: one of these, or the end.
 */
export const tokenRules = { text: 0, begin: 1, start: 2, beginSpoken: 3, timed: 4, timestamp: 5 } as const;
export type TokenRule = keyof typeof tokenRules;

/**
 * What the end of a text that has no words yet loses of its logit where somebody is known to speak. A model that was
 * taught to hear nothing in noise doubts the first second of speech as well, with words of which it is fairly sure next
 * in line; of noise it is sure.
 */
const END_DOUBT = 5;

/** Tokens that stand for times: from `first` on, before `end`. */
export interface Timestamps {
  readonly first: number;
  readonly end: number;
}

/** Undefined in a model without them. */
export function timestampsOf(
  { vocabularySize }: WhisperConfig,
  { firstTimestamp }: SpecialTokens,
): Timestamps | undefined {
  if (firstTimestamp === null || firstTimestamp >= vocabularySize) return undefined;
  return { first: firstTimestamp, end: vocabularySize };
}

/** Chooses among the tokens that the rules allow, for states [m, width]. */
export function addChoice(
  layers: LayerBuilder,
  states: TensorName,
  special: SpecialTokens,
  timestamps: Timestamps | undefined,
): void {
  const { graph, config, precision } = layers;
  const size = paddedVocabulary(layers);
  const map = vocabularyMap(config);
  const projected =
    layers.int8Map(map, config.vocabularySize, config.width) === undefined
      ? graph.op('Gemm', [states, addVocabulary(layers)], { transB: 1 })
      : graph.op('Reshape', [
          layers.linear(states, map, config.vocabularySize, config.width, false),
          graph.integers(-1, size),
        ]);
  const raw = precision === 'float32' ? projected : layers.cast(projected, 'float32');
  const suppressed = graph.floats(suppression(config, special, timestamps, size), [
    Object.keys(tokenRules).length,
    size,
  ]);
  const rules = graph.input('rules', 'int64', ['chosen']);
  const logits = graph.op('Add', [raw, graph.op('Gather', [suppressed, rules])]);
  graph.output('logits', logits, 'float32', ['chosen', size]);
  const logprobs = graph.op('LogSoftmax', [logits], { axis: 1 });
  const chosen = likeliest(layers, logprobs, timestamps);
  graph.output('best', chosen.index, 'int64', ['chosen']);
  graph.output('logprob', chosen.value, 'float32', ['chosen']);
  const noSpeech = graph.op('Gather', [logprobs, graph.integer(special.noSpeech)], { axis: 1 });
  graph.output('noSpeech', graph.op('Exp', [noSpeech]), 'float32', ['chosen']);
  if (config.isMultilingual) {
    const languages = graph.op('Gather', [logprobs, graph.integers(...special.languages.values())], { axis: 1 });
    graph.output('languages', graph.op('Softmax', [languages]), 'float32', ['chosen', special.languages.size]);
  }
}

/** The likeliest token of each row, or the likeliest timestamp where all of these are likelier than it. */
function likeliest(
  layers: LayerBuilder,
  logprobs: TensorName,
  timestamps: Timestamps | undefined,
): { readonly index: TensorName; readonly value: TensorName } {
  const { graph } = layers;
  const { value, index } = layers.largest(logprobs, 2);
  if (timestamps === undefined) return { index, value: value() };
  const { first, end } = timestamps;
  const times = graph.op('Slice', [logprobs, graph.integers(first), graph.integers(end), graph.integers(1)]);
  const time = layers.largest(times, 2);
  const mass = graph.op('ReduceSum', [graph.op('Exp', [times]), graph.integers(1)], { keepdims: 0 });
  const best = value();
  const isTime = graph.op('Greater', [mass, graph.op('Exp', [best])]);
  return {
    index: graph.op('Where', [isTime, graph.op('Add', [time.index, graph.integer(first)]), index]),
    value: graph.op('Where', [isTime, time.value(), best]),
  };
}

/**
 * A row for each of `tokenRules`, added to the logits. @param size logits of a row, those behind the vocabulary
 * included
 */
function suppression(
  config: WhisperConfig,
  special: SpecialTokens,
  timestamps: Timestamps | undefined,
  size: number,
): Float32Array {
  const { vocabularySize, suppressTokens, beginSuppressTokens } = config;
  const table = new Float32Array(Object.keys(tokenRules).length * size);
  table.fill(-Infinity, tokenRules.start * size + vocabularySize, (tokenRules.start + 1) * size);
  const { text, begin, beginSpoken, timed, timestamp } = tokenRules;
  const { first, end } = timestamps ?? { first: size, end: size };
  for (const row of [text, begin, beginSpoken, timed].map((rule) => rule * size)) {
    for (const token of suppressTokens) if (token < vocabularySize) table[row + token] = -Infinity;
    // Behind <|endoftext|> come only tokens that steer, and times.
    table.fill(-Infinity, row + special.endOfText + 1, row + size);
    table[row + special.endOfText] = 0;
  }
  table.fill(-Infinity, timestamp * size, timestamp * size + special.endOfText);
  table.fill(-Infinity, timestamp * size + special.endOfText + 1, (timestamp + 1) * size);
  for (const row of [timed * size, timestamp * size]) table.fill(0, row + first, row + end);
  table[tokenRules.beginSpoken * size + special.endOfText] = -END_DOUBT;
  for (const row of [tokenRules.begin * size, tokenRules.beginSpoken * size]) {
    for (const token of beginSuppressTokens) if (token < vocabularySize) table[row + token] = -Infinity;
  }
  return table;
}

/**
 * The table [vocabularySize, width] of the map to the logits. For a GPU with rows of zeros behind it, once, when the
 * session is made: tensor cores want sizes by 8, and with Whisper's 51,865 and 51,866 tokens the product takes twice as
 * long.
 */
export function addVocabulary(layers: LayerBuilder): TensorName {
  const { graph, config, precision } = layers;
  const { vocabularySize: size, width } = config;
  const table = layers.weight(`${vocabularyMap(config)}.weight`, [size, width]);
  const missing = paddedVocabulary(layers) - size;
  if (missing === 0) return table;
  const zeros = graph.floats(new Float32Array(missing * width), [missing, width]);
  return graph.op('Concat', [table, precision === 'float32' ? zeros : layers.cast(zeros, precision)], { axis: 0 });
}

function paddedVocabulary({ kernels, config }: LayerBuilder): number {
  return kernels === 'cpu' ? config.vocabularySize : Math.ceil(config.vocabularySize / 8) * 8;
}
