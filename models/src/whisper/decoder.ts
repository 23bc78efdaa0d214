// What a decoder is, however it remembers: tokens in, choices out.
import { unchanged } from './cross-attention.js';
import { OrtError } from '../onnxruntime/errors.js';
import { OrtValue, type OrtBinding, type Tensor } from '../onnxruntime/index.js';
import { KeptLogits } from './kept-logits.js';
import { tokenRules, type TokenRule } from './token-choice.js';

/** New tokens of a batch of B rows, n each; see the decode graph for the shapes. */
export interface DecoderInput {
  readonly batch: number;
  /** [B * n], row after row; rows that are shorter are padded behind. */
  readonly tokens: readonly number[];
  /** [B * n]: the token's place in its row's text, padding and rejected tokens not counted. */
  readonly positions: readonly number[];
  /** Which of the n new places of each row hold a token of its text: [B * n]. */
  readonly present: readonly boolean[];
  /**
   * For each token of [B * n], where several go on from different places of their row's text, side by side: what it
   * sees. Absent: all before it. Such tokens are in no text afterwards. Wants `branches`.
   */
  readonly views?: readonly View[] | undefined;
  /** Indices into `tokens` behind which a next token is chosen. */
  readonly select: readonly number[];
  /** For each of `select`: which tokens may be chosen. */
  readonly rules: readonly TokenRule[];
  /** Whether the logits are wanted too, for sampling. */
  readonly logits: boolean;
  /** For each of `select`: tokens whose logits are wanted beside that of the best one. Absent: of none. */
  readonly candidates?: readonly (readonly number[])[] | undefined;
  /** Whether all logits stay where they are, to be looked up later. Default false. */
  readonly keepsLogits?: boolean | undefined;
  /** Whether memory that is kept for later runs is given back after this one. Default false. */
  readonly shrinks?: boolean;
}

/** The first `kept` tokens of its row's text, and of the new ones those from column `first` to itself. */
export interface View {
  readonly kept: number;
  readonly first: number;
}

/** What was chosen behind each of `select`. */
export interface Choices {
  /** The likeliest token under the rules. */
  readonly best: readonly number[];
  /** Natural log of its probability. */
  readonly logprob: Float32Array;
  /** Encoder frame that the alignment heads looked at. */
  readonly frame: readonly number[];
  /** Probability of <|nospeech|>: means something where the rules are `start` only. */
  readonly noSpeech: Float32Array;
  /**
   * [select, languages]: probabilities of the languages among each other, where the rules are `start`. Empty for
   * English-only models.
   */
  readonly languages: Float32Array;
  /** [select, vocabulary or a few more] under the rules, -Infinity behind the vocabulary; empty unless asked for. */
  readonly logits: Float32Array;
  /** For each of `select`: logits of its candidates, and of the best token behind them; empty unless asked for. */
  readonly candidateLogits: readonly Float32Array[];
  /** Where they were asked for. Whoever asked closes them. */
  readonly kept?: KeptLogits;
}

/** The decoder of one batch of windows: it remembers the tokens that it was fed. */
export interface WhisperDecoder {
  /** Places in the memory of the longest row: the tokens fed so far, padding included where it is remembered too. */
  readonly places: number;
  /** Whether it takes `views`; else several tokens at once must be the first of their row. */
  readonly branches: boolean;
  /** Feeds tokens, remembers them and chooses what follows. Throws OrtError. */
  advance(input: DecoderInput): Promise<Choices>;
  /** Takes the places from `from` to `to` (the row's last) out of its text: they are not attended to again. */
  forget(row: number, from: number, to: number): void;
  /** Forgets everything that was fed; the audio stays. */
  restart(): void;
  /** May be called twice. */
  close(): void;
}

/** Binds what every run of the decode graph wants beside its cache. */
export function bindInput(binding: OrtBinding, input: DecoderInput): void {
  const { batch, tokens, positions, select, rules } = input;
  const width = tokens.length / batch;
  bindTensor(binding, 'tokens', int64(tokens, [batch, width]));
  bindTensor(binding, 'positions', int64(positions, [batch, width]));
  bindTensor(binding, 'select', int64(select));
  bindTensor(binding, 'rules', int64(rules.map((rule) => tokenRules[rule])));
}

/**
 * Binds the outputs that hold what the encoder handed on, unchanged, to where it lies: an operator that could add to
 * it, and does not, would make a copy otherwise.
 */
export function bindUnchanged(binding: OrtBinding, heard: ReadonlyMap<string, OrtValue>): void {
  for (const [name, value] of heard) if (value.type === 'int8') binding.output(unchanged(name), value);
}

/** Whether the graph's logits are wanted in any way. */
export function wantsLogits({ logits, candidates, keepsLogits = false }: LogitsWanted): boolean {
  return logits || candidates !== undefined || keepsLogits;
}

type LogitsWanted = Pick<DecoderInput, 'logits' | 'candidates' | 'keepsLogits'>;

/** Binds the outputs that come back to the host. */
export function bindChoices(binding: OrtBinding, perLanguage: boolean, wanted: LogitsWanted): void {
  const names = ['best', 'logprob', 'frame', 'noSpeech'];
  if (perLanguage) names.push('languages');
  if (wantsLogits(wanted)) names.push('logits');
  for (const name of names) binding.output(name);
}

/** Reads and closes those outputs. */
export function takeChoices(outputs: ReadonlyMap<string, OrtValue>, wanted: LogitsWanted): Choices {
  const { candidates } = wanted;
  const best = numbersOf(takeTensor(outputs, 'best'));
  const floats = (name: string): Float32Array => {
    if (!outputs.has(name)) return new Float32Array(0);
    return floatsOf(takeTensor(outputs, name));
  };
  const logprob = floats('logprob');
  const all = wantsLogits(wanted) ? take(outputs, 'logits') : undefined;
  const candidateLogits = all === undefined || candidates === undefined ? [] : pickLogits(all, candidates, best);
  const logits = all !== undefined && wanted.logits ? floatsOf(all.read()) : new Float32Array(0);
  const keeps = wanted.keepsLogits === true;
  if (!keeps) all?.close();
  return {
    best,
    logprob,
    frame: numbersOf(takeTensor(outputs, 'frame')),
    noSpeech: floats('noSpeech'),
    languages: floats('languages'),
    logits,
    candidateLogits,
    ...(keeps && all !== undefined && { kept: new KeptLogits(all, best, logprob) }),
  };
}

function floatsOf({ data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new OrtError('unsupported_type', 'the graph gave other numbers than float32');
}

function pickLogits(
  logits: OrtValue,
  candidates: readonly (readonly number[])[],
  best: readonly number[],
): Float32Array[] {
  const vocabulary = logits.dims[1] ?? 0;
  const places = new Uint32Array(candidates.reduce((sum, { length }) => sum + length + 1, 0));
  let filled = 0;
  for (const [row, ids] of candidates.entries()) {
    const start = row * vocabulary;
    for (let at = 0; at < ids.length; at++) places[filled++] = start + (ids[at] ?? 0);
    places[filled++] = start + (best[row] ?? 0);
  }
  const picked = logits.pick(places);
  let from = 0;
  return candidates.map(({ length }) => picked.subarray(from, (from += length + 1)));
}

export function bindTensor(binding: OrtBinding, name: string, tensor: Tensor): void {
  const value = OrtValue.fromTensor(tensor);
  binding.input(name, value);
  value.close();
}

/**
 * Whole numbers from 0 below 2^31. Written as halves, the lower one first, as all our platforms do: thousands of them
 * as bigints cost milliseconds.
 */
export function int64(values: readonly number[], dims: readonly number[] = [values.length]): Tensor {
  const data = new BigInt64Array(values.length);
  const halves = new Int32Array(data.buffer);
  for (const [i, value] of values.entries()) halves[2 * i] = value;
  return { type: 'int64', dims, data };
}

/** What `int64` writes, as numbers. */
export function numbersOf({ data }: Tensor): number[] {
  if (!(data instanceof BigInt64Array))
    throw new OrtError('unsupported_type', 'the graph gave other numbers than int64');
  const halves = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
  return Array.from(data, (_, i) => halves[2 * i] ?? 0);
}

/** Of `pastKey_0`: `presentKey_0`. */
export function presentOf(past: string): string {
  return past.replace('past', 'present');
}

export function take(values: ReadonlyMap<string, OrtValue>, name: string): OrtValue {
  const value = values.get(name);
  if (value === undefined) throw new OrtError('fail', `the decoder gave no ${name}`);
  return value;
}

function takeTensor(values: ReadonlyMap<string, OrtValue>, name: string): Tensor {
  const value = take(values, name);
  const tensor = value.read();
  value.close();
  return tensor;
}
