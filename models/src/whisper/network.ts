// A loaded Whisper: windows of audio in, chosen tokens out; what the decoder remembers stays in ONNX Runtime's memory.
import { ModelError } from '../model-error.js';
import { OrtError } from '../onnxruntime/errors.js';
import {
  cpuMemory,
  keepHeapSmall,
  OrtSession,
  OrtValue,
  returnFreedMemory,
  type CudaProvider,
  type MemoryPlace,
} from '../onnxruntime/index.js';
import type { SpecialTokens } from '../tokenizer/index.js';
import { planWhisper, type GraphName, type WhisperPlan } from './compile.js';
import type { WhisperConfig } from './config.js';
import type { Cache } from './decode-graph.js';
import type { WhisperDecoder } from './decoder.js';
import { GrowingDecoder } from './growing-decoder.js';
import { InPlaceDecoder } from './in-place-decoder.js';
import type { Kernels } from './layers.js';
import { samplesPerEncoderFrame } from './mel-filters.js';
import { WindowMemory, type LargestBatch } from './window-memory.js';

/**
 * `int8` rounds the linear maps, which are nearly all of a decode, and what they multiply (see integer-maps.ts); all
 * else stays in float32.
 */
export type CpuPrecision = 'fp32' | 'int8';

export interface NetworkOptions {
  /** Default: the CPU. A GPU calculates in float16. */
  readonly device?: 'cpu' | CudaProvider;
  /** What a CPU calculates in; for a GPU, `unsupported`. Default `fp32`. */
  readonly precision?: CpuPrecision;
  /** Threads of one run, its caller included. Default: as many as there are physical cores. */
  readonly threads?: number;
  /** How the decoder remembers; see the decode graph. Default: `growing` on the CPU, `inPlace` on a GPU. */
  readonly cache?: Cache;
  /** Whether steps are recorded and played as CUDA graphs (`inPlace` only). Default: on a GPU. */
  readonly stepGraphs?: boolean;
  /** What memory is taken for at once (`inPlace` only). Default: it grows with the batches. */
  readonly largest?: LargestBatch;
  /** Whose operators the graphs are built of. Default: the device's. */
  readonly kernels?: Kernels;
  /** Whether timestamps may be written; see CompileOptions. */
  readonly timestamps?: boolean;
  /** Writes a trace of every node to files that begin so; see SessionOptions. */
  readonly profilePrefix?: string;
}

/**
 * Threads that spin while they wait burn half as much CPU again, and where other work shares the cores they make a run
 * slower (measured: an encode of 6 s on two busy cores 379 ms -> 548 ms).
 */
const cpuConfig = {
  'session.intra_op.allow_spinning': '0',
  // Where attention is sharp, weights become denormal numbers, whose products take many times as long (measured: up to
  // 15 times).
  'session.set_denormal_as_zero': '1',
} as const;

/** Shapes hardly repeat: a plan of its memory for each costs more than it saves (measured: base, 30 s: 47 MB). */
const cpuOptions = { config: cpuConfig, memoryPattern: false } as const;

/**
 * Encoder frames of one pass on a CPU, 8 s, or a single longer window. More windows at once are hardly faster there
 * (measured: base, 4 windows of 2, 4, 6 and 8 s at once take 0.98, 0.94, 0.93 and 0.87 of the time of one by one), what
 * attention among all frames of each takes would be in memory for all of them (8 windows of 30 s: 4.2 GB), and whoever
 * is in a hurry waits for the end of a pass.
 */
const ENCODED_FRAMES_MAX = 400;

/**
 * TF32 would round the audio to 10 bits before the spectrogram; nothing else is in float32. `sdpa_kernel` 1 is flash
 * attention, which wants compute capability 8.0: it plans nothing, so lengths and batches may change with every run.
 */
const cudaOptions = { use_tf32: '0', sdpa_kernel: '1' } as const;
/**
 * Steps are recorded once for a shape, so cuDNN's attention (8) may plan for it, which takes 150 ms. Flash attention
 * calculates 128 rows for the one that a step has: over long contexts that costs more than reading them does (65 of 137
 * us a layer with 32 windows of 30 s; nothing at 6 s; H100).
 */
const longStepOptions = { sdpa_kernel: '8' } as const;
const recordingOptions = { enable_cuda_graph: '1' } as const;

function withDefaults(device: CudaProvider, more: Readonly<Record<string, string>> = {}): CudaProvider {
  return { ...device, options: { ...cudaOptions, ...more, ...device.options } };
}

export interface HearOptions {
  /** Called before each part of the work. */
  readonly before?: () => Promise<void>;
  /** Whether memory that is kept for later runs is given back. */
  readonly shrinks?: boolean;
}

export class WhisperNetwork {
  readonly #graphs: {
    readonly encode: OrtSession;
    readonly decode: OrtSession;
    readonly sessions: readonly OrtSession[];
  };
  readonly #place: MemoryPlace;
  readonly #windows: WindowMemory;
  readonly #cache: Cache;

  /** Compiles and loads a Hugging Face folder. Throws ModelError or OrtError. */
  static async load(directory: string, options: NetworkOptions = {}): Promise<WhisperNetwork> {
    const { device = 'cpu', precision, threads } = options;
    const { cache = device === 'cpu' ? 'growing' : 'inPlace' } = options;
    const { stepGraphs = device !== 'cpu' && cache === 'inPlace' } = options;
    if (device !== 'cpu' && precision !== undefined) {
      throw new ModelError('unsupported', `a GPU calculates in float16, not in ${precision}`);
    }
    const { kernels = device === 'cpu' ? 'cpu' : 'cuda' } = options;
    const plan = await planWhisper(directory, device === 'cpu' ? 'float32' : 'float16', {
      int8: precision === 'int8',
      cache,
      kernels,
      ...(options.timestamps !== undefined && { timestamps: options.timestamps }),
    });
    if (stepGraphs && cache !== 'inPlace') {
      throw new ModelError('unsupported', 'steps are recorded in a cache in place only');
    }
    const place: MemoryPlace = device === 'cpu' ? cpuMemory : { device: 'cuda', id: device.deviceId };
    if (device === 'cpu') keepHeapSmall();
    const sessions: OrtSession[] = [];
    const open = async (name: string, graph: GraphName, provider: Readonly<Record<string, string>> = {}) => {
      const { model, beside, close } = await plan.compile(graph);
      try {
        const session = await OrtSession.load(model, {
          externalDataFolder: plan.weightsFolder,
          initializers: beside,
          ...(threads === undefined ? {} : { intraOpThreads: threads }),
          ...(device === 'cpu' ? cpuOptions : { providers: [withDefaults(device, provider)] }),
          ...(options.profilePrefix === undefined ? {} : { profilePrefix: `${options.profilePrefix}-${name}` }),
        });
        sessions.push(session);
        return session;
      } finally {
        close();
        returnFreedMemory();
      }
    };
    try {
      const encode = await open('encode', 'encode');
      const decode = await open('decode', 'decode', stepGraphs ? recordingOptions : {});
      const longSteps =
        stepGraphs && device !== 'cpu'
          ? await open('step', 'decode', { ...recordingOptions, ...longStepOptions })
          : decode;
      const steps = stepGraphs ? { short: decode, long: longSteps } : undefined;
      const { config, precision, heardForm } = plan;
      const { largest } = options;
      const windows = new WindowMemory({ config, precision, heardForm, place, cache, steps, largest });
      return new WhisperNetwork(plan, { encode, decode, sessions }, place, windows, cache);
    } catch (error) {
      for (const session of sessions) session.close();
      throw error;
    }
  }

  readonly config: WhisperConfig;
  readonly special: SpecialTokens;
  /** The first of the timestamps that it may write; undefined: it writes none. */
  readonly firstTimestamp: number | undefined;

  private constructor(
    { config, special, timestamps }: WhisperPlan,
    graphs: {
      readonly encode: OrtSession;
      readonly decode: OrtSession;
      readonly sessions: readonly OrtSession[];
    },
    place: MemoryPlace,
    windows: WindowMemory,
    cache: Cache,
  ) {
    this.#graphs = graphs;
    this.#place = place;
    this.#windows = windows;
    this.#cache = cache;
    this.config = config;
    this.special = special;
    this.firstTimestamp = timestamps?.first;
  }

  /**
   * Encodes windows of one length and opens a decoder on them.
   * @param audio float32 [batch, samples] at 16 kHz, silence behind the speech included; samples a multiple of 320
   * @param heardSamples samples of each row before that silence
   */
  async hear(
    audio: Float32Array,
    heardSamples: readonly number[],
    { before = async () => {}, shrinks = false }: HearOptions = {},
  ): Promise<WhisperDecoder> {
    const batch = heardSamples.length;
    const samples = audio.length / batch;
    if (!Number.isInteger(samples / samplesPerEncoderFrame) || samples === 0) {
      throw new OrtError('invalid_argument', `${audio.length} samples are not ${batch} windows of whole 20 ms frames`);
    }
    const contextFrames = samples / samplesPerEncoderFrame;
    const frames = heardSamples.map((count) => Math.max(1, Math.ceil(count / samplesPerEncoderFrame)));
    const memory = this.#windows.take(batch, contextFrames);
    try {
      const rows = this.#place.device === 'cpu' ? Math.max(1, Math.floor(ENCODED_FRAMES_MAX / contextFrames)) : batch;
      for (let first = 0; first < batch; first += rows) {
        const count = Math.min(rows, batch - first);
        await before();
        const piece = audio.subarray(first * samples, (first + count) * samples);
        await this.#encode(piece, memory.heardRows(first, count), shrinks);
      }
      const { decode } = this.#graphs;
      return this.#cache === 'inPlace'
        ? new InPlaceDecoder(decode, this.config, memory, frames)
        : new GrowingDecoder(decode, this.config, this.#place, memory, frames);
    } catch (error) {
      memory.release();
      throw error;
    }
  }

  /** @param heard where the outputs are written; closed */
  async #encode(audio: Float32Array, heard: ReadonlyMap<string, OrtValue>, shrinks: boolean): Promise<void> {
    const rows = heard.get('alignmentKeys')?.dims[0] ?? 1;
    const binding = this.#graphs.encode.bind();
    const input = OrtValue.fromTensor({ type: 'float32', dims: [rows, audio.length / rows], data: audio });
    try {
      binding.input('audio', input);
      for (const [name, value] of heard) binding.output(name, value);
      await binding.run(shrinks);
    } finally {
      for (const value of heard.values()) value.close();
      input.close();
      binding.close();
    }
  }

  /** Gives back the CPU's memory that is kept for batches as large as the largest so far. */
  async shrink(): Promise<void> {
    this.#windows.shrink();
    const decoder = await this.hear(new Float32Array(samplesPerEncoderFrame), [0], { shrinks: true });
    try {
      await decoder.advance({
        batch: 1,
        tokens: [this.special.endOfText],
        positions: [0],
        present: [true],
        select: [0],
        rules: ['text'],
        logits: false,
        shrinks: true,
      });
    } finally {
      decoder.close();
      this.#windows.shrink();
      returnFreedMemory();
    }
  }

  /** Ends the traces that `profilePrefix` began and names their files. */
  endProfiling(): string[] {
    return this.#graphs.sessions.map((session) => session.endProfiling());
  }

  /** May be called twice; decoders that are open stay usable until they are closed. */
  close(): void {
    this.#windows.close();
    for (const session of this.#graphs.sessions) session.close();
  }
}
