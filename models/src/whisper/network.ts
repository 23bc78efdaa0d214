// A loaded Whisper: windows of audio in, chosen tokens out; what the decoder remembers stays in ONNX Runtime's memory.
import { ModelError } from '../model-error.js';
import { OrtError } from '../onnxruntime/errors.js';
import {
  OrtSession,
  OrtValue,
  cpuMemory,
  type CudaProvider,
  type MemoryPlace,
  type OrtBinding,
  type SessionOptions,
  type Tensor,
} from '../onnxruntime/index.js';
import type { SpecialTokens } from '../tokenizer/index.js';
import { compileWhisper } from './compile.js';
import type { WhisperConfig } from './config.js';
import { samplesPerEncoderFrame } from './mel-filters.js';

/** `int8` rounds the linear maps of the encoder, which are most of a decode, and what they multiply; all else stays in float32. */
export type CpuPrecision = 'fp32' | 'int8';

export interface NetworkOptions {
  /** Default: the CPU. A GPU calculates in float16. */
  readonly device?: 'cpu' | CudaProvider;
  /** What a CPU calculates in; for a GPU, `unsupported`. Default `fp32`. */
  readonly precision?: CpuPrecision;
  /** Threads of one run, its caller included. Default: as many as there are physical cores. */
  readonly threads?: number;
}

/**
 * Threads that spin while they wait burn half as much CPU again, and where other work shares the cores they make a run slower (measured: an encode of
 * 6 s on two busy cores 379 ms -> 548 ms).
 */
const cpuConfig = { 'session.intra_op.allow_spinning': '0' } as const;

/** New tokens of a batch of B rows, n each; see the decode graph for the shapes. */
export interface DecoderInput {
  readonly batch: number;
  /** [B * n], row after row; rows that are shorter are padded behind. */
  readonly tokens: readonly number[];
  /** [B * n]: the token's place in its row's text, padding and rejected tokens not counted. */
  readonly positions: readonly number[];
  /** Which of the n new places of each row hold a token of its text: [B * n]. */
  readonly present: readonly boolean[];
  /** Indices into `tokens` behind which a next token is chosen. */
  readonly select: readonly number[];
  /** For each of `select`: whether the next token is the first of a text. */
  readonly atBegin: readonly boolean[];
  /** Whether the logits are wanted too, for sampling. */
  readonly logits: boolean;
}

/** What was chosen behind each of `select`. */
export interface Choices {
  /** The likeliest token under the rules. */
  readonly best: readonly number[];
  /** Natural log of its probability. */
  readonly logprob: Float32Array;
  /** Encoder frame that the alignment heads looked at. */
  readonly frame: readonly number[];
  /** Probability of <|nospeech|>: means something at <|startoftranscript|> only. */
  readonly noSpeech: Float32Array;
  /** [select, languages]: probabilities of the languages among each other, at <|startoftranscript|>. Empty for English-only models. */
  readonly languages: Float32Array;
  /** [select, vocabulary] under the rules; empty unless asked for. */
  readonly logits: Float32Array;
}

export class WhisperNetwork {
  /** Compiles and loads a Hugging Face folder. Throws ModelError or OrtError. */
  static async load(directory: string, options: NetworkOptions = {}): Promise<WhisperNetwork> {
    const { device = 'cpu', precision, threads } = options;
    if (device !== 'cpu' && precision !== undefined) {
      throw new ModelError('unsupported', `a GPU calculates in float16, not in ${precision}`);
    }
    const compiled = await compileWhisper(directory, device === 'cpu' ? 'float32' : 'float16', {
      int8Encoder: precision === 'int8',
    });
    const session: SessionOptions = {
      externalDataFolder: compiled.weightsFolder,
      ...(threads === undefined ? {} : { intraOpThreads: threads }),
      ...(device === 'cpu' ? { config: cpuConfig } : { providers: [device] }),
    };
    const encode = await OrtSession.load(compiled.encode, session);
    try {
      const decode = await OrtSession.load(compiled.decode, session);
      const place: MemoryPlace = device === 'cpu' ? cpuMemory : { device: 'cuda', id: device.deviceId };
      return new WhisperNetwork(compiled.config, compiled.special, encode, decode, place);
    } catch (error) {
      encode.close();
      throw error;
    }
  }

  private constructor(
    readonly config: WhisperConfig,
    readonly special: SpecialTokens,
    private readonly encode: OrtSession,
    private readonly decode: OrtSession,
    private readonly place: MemoryPlace,
  ) {}

  /**
   * Encodes windows of one length and opens a decoder on them.
   * @param audio float32 [batch, samples] at 16 kHz, silence behind the speech included; samples a multiple of 320
   * @param heardSamples samples of each row before that silence
   */
  async hear(audio: Float32Array, heardSamples: readonly number[]): Promise<WhisperDecoder> {
    const batch = heardSamples.length;
    const samples = audio.length / batch;
    if (!Number.isInteger(samples / samplesPerEncoderFrame) || samples === 0) {
      throw new OrtError('invalidArgument', `${audio.length} samples are not ${batch} windows of whole 20 ms frames`);
    }
    const binding = this.encode.bind();
    const input = OrtValue.fromTensor({ type: 'float32', dims: [batch, samples], data: audio });
    try {
      binding.input('audio', input);
      for (const name of this.encode.outputs) {
        if (name.startsWith('cross') || name === 'alignmentKeys') binding.output(name, this.place);
      }
      const heard = await binding.run();
      const frames = heardSamples.map((count) => Math.max(1, Math.ceil(count / samplesPerEncoderFrame)));
      return new WhisperDecoder(this.decode, this.config, this.place, heard, frames);
    } finally {
      input.close();
      binding.close();
    }
  }

  /** May be called twice; decoders that are open stay usable until they are closed. */
  close(): void {
    this.encode.close();
    this.decode.close();
  }
}

/** The decoder of one batch of windows: it remembers the tokens that it was fed. */
export class WhisperDecoder {
  readonly #binding: OrtBinding;
  /** `pastKey_i`, `pastValue_i`. */
  #past: Map<string, OrtValue>;
  /** Which places of the cache hold tokens of their row's text, row by row. */
  readonly #places: boolean[][];
  readonly #perLanguage: boolean;

  /** Takes over `heard`. @param frames encoder frames of each row before the padding */
  constructor(
    session: OrtSession,
    private readonly config: WhisperConfig,
    private readonly place: MemoryPlace,
    heard: ReadonlyMap<string, OrtValue>,
    frames: readonly number[],
  ) {
    this.#binding = session.bind();
    this.#places = frames.map(() => []);
    this.#perLanguage = config.isMultilingual;
    for (const [name, value] of heard) {
      this.#binding.input(name, value);
      value.close();
    }
    this.#bind('audioFrames', int64(frames));
    this.#past = this.#emptyCache();
  }

  /** Feeds tokens, remembers them and chooses what follows. Throws OrtError. */
  async advance(input: DecoderInput): Promise<Choices> {
    const { batch, tokens, select } = input;
    const width = tokens.length / batch;
    this.#places.forEach((row, i) => row.push(...input.present.slice(i * width, (i + 1) * width)));
    const mask = Uint8Array.from(this.#places.flat(), Number);
    this.#bind('tokens', int64(tokens, [batch, width]));
    this.#bind('positions', int64(input.positions, [batch, width]));
    this.#bind('mask', { type: 'bool', dims: [batch, mask.length / batch], data: mask });
    this.#bind('select', int64(select));
    this.#bind('atBegin', int64(input.atBegin.map(Number)));
    for (const [name, value] of this.#past) this.#binding.input(name, value);
    for (const name of this.#past.keys()) this.#binding.output(presentOf(name), this.place);
    const results = ['best', 'logprob', 'frame', 'noSpeech'];
    if (this.#perLanguage) results.push('languages');
    if (input.logits) results.push('logits');
    for (const name of results) this.#binding.output(name);
    const outputs = await this.#binding.run();
    for (const [name, value] of this.#past) {
      value.close();
      this.#past.set(name, take(outputs, presentOf(name)));
    }
    const data = (name: string): Tensor['data'] => {
      const value = take(outputs, name);
      const tensor = value.read();
      value.close();
      return tensor.data;
    };
    return {
      best: Array.from(data('best'), Number),
      logprob: floats(data('logprob')),
      frame: Array.from(data('frame'), Number),
      noSpeech: floats(data('noSpeech')),
      languages: this.#perLanguage ? floats(data('languages')) : new Float32Array(0),
      logits: input.logits ? floats(data('logits')) : new Float32Array(0),
    };
  }

  /** Places in the cache: the tokens fed so far, padding included. */
  get places(): number {
    return this.#places[0]?.length ?? 0;
  }

  /** Takes places of a row's cache out of its text: they are not attended to again. */
  forget(row: number, from: number, to: number): void {
    this.#places[row]?.fill(false, from, to);
  }

  /** Forgets everything that was fed; the audio stays. */
  restart(): void {
    this.#closeCache();
    this.#past = this.#emptyCache();
    for (const row of this.#places) row.length = 0;
  }

  /** May be called twice. */
  close(): void {
    this.#closeCache();
    this.#binding.close();
  }

  #emptyCache(): Map<string, OrtValue> {
    const { decoderLayers, decoderHeads, width } = this.config;
    const dims = [this.#places.length, decoderHeads, 0, width / decoderHeads];
    const cache = new Map<string, OrtValue>();
    for (let i = 0; i < decoderLayers; i++) {
      for (const kind of ['Key', 'Value']) {
        const tensor: Tensor =
          this.place.device === 'cpu'
            ? { type: 'float32', dims, data: new Float32Array(0) }
            : { type: 'float16', dims, data: new Uint16Array(0) };
        cache.set(`past${kind}_${i}`, OrtValue.fromTensor(tensor));
      }
    }
    return cache;
  }

  #closeCache(): void {
    for (const value of this.#past.values()) value.close();
  }

  #bind(name: string, tensor: Tensor): void {
    const value = OrtValue.fromTensor(tensor);
    this.#binding.input(name, value);
    value.close();
  }
}

function presentOf(past: string): string {
  return past.replace('past', 'present');
}

function take(values: ReadonlyMap<string, OrtValue>, name: string): OrtValue {
  const value = values.get(name);
  if (value === undefined) throw new OrtError('fail', `the decoder gave no ${name}`);
  return value;
}

function int64(values: readonly number[], dims: readonly number[] = [values.length]): Tensor {
  return { type: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

function floats(data: Tensor['data']): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new OrtError('unsupportedType', 'the graph gave other numbers than float32');
}
