// A loaded Whisper: windows of audio in, chosen tokens out; what the decoder remembers stays in ONNX Runtime's memory.
import { ModelError } from '../model-error.js';
import { OrtError } from '../onnxruntime/errors.js';
import {
  OrtSession,
  OrtValue,
  cpuMemory,
  type CudaProvider,
  type MemoryPlace,
  type SessionOptions,
} from '../onnxruntime/index.js';
import type { SpecialTokens } from '../tokenizer/index.js';
import { compileWhisper, type CompiledWhisper } from './compile.js';
import type { WhisperConfig } from './config.js';
import type { Cache } from './decode-graph.js';
import type { WhisperDecoder } from './decoder.js';
import { GrowingDecoder } from './growing-decoder.js';
import { InPlaceDecoder } from './in-place-decoder.js';
import type { Kernels } from './layers.js';
import { samplesPerEncoderFrame } from './mel-filters.js';
import { WindowMemory, type LargestBatch } from './window-memory.js';

/** `int8` rounds the linear maps of the encoder, which are most of a decode, and what they multiply; all else stays in float32. */
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
  /** Writes a trace of every node to files that begin so; see SessionOptions. */
  readonly profilePrefix?: string;
}

/**
 * Threads that spin while they wait burn half as much CPU again, and where other work shares the cores they make a run slower (measured: an encode of
 * 6 s on two busy cores 379 ms -> 548 ms).
 */
const cpuConfig = { 'session.intra_op.allow_spinning': '0' } as const;

/**
 * TF32 would round the audio to 10 bits before the spectrogram; nothing else is in float32. `sdpa_kernel` 1 is flash attention, which wants compute
 * capability 8.0: by itself ONNX Runtime takes cuDNN's for some shapes, with which a prompt took 60 to 130 ms longer (measured on a busy H100).
 */
const cudaOptions = { use_tf32: '0', sdpa_kernel: '1' } as const;

function withDefaults(device: CudaProvider, more: Readonly<Record<string, string>> = {}): CudaProvider {
  return { ...device, options: { ...cudaOptions, ...more, ...device.options } };
}

export class WhisperNetwork {
  /** Compiles and loads a Hugging Face folder. Throws ModelError or OrtError. */
  static async load(directory: string, options: NetworkOptions = {}): Promise<WhisperNetwork> {
    const { device = 'cpu', precision, threads } = options;
    const { cache = device === 'cpu' ? 'growing' : 'inPlace' } = options;
    const { stepGraphs = device !== 'cpu' && cache === 'inPlace' } = options;
    if (device !== 'cpu' && precision !== undefined) {
      throw new ModelError('unsupported', `a GPU calculates in float16, not in ${precision}`);
    }
    const { kernels = device === 'cpu' ? 'cpu' : 'cuda' } = options;
    const compiled = await compileWhisper(directory, device === 'cpu' ? 'float32' : 'float16', {
      int8Encoder: precision === 'int8',
      cache,
      kernels,
    });
    const session: SessionOptions = {
      externalDataFolder: compiled.weightsFolder,
      ...(threads === undefined ? {} : { intraOpThreads: threads }),
      ...(device === 'cpu' ? { config: cpuConfig } : { providers: [withDefaults(device)] }),
    };
    const recorded: SessionOptions =
      device !== 'cpu' && stepGraphs
        ? { ...session, providers: [withDefaults(device, { enable_cuda_graph: '1' })] }
        : session;
    if (stepGraphs && cache !== 'inPlace') {
      throw new ModelError('unsupported', 'steps are recorded in a cache in place only');
    }
    const traced = (plain: SessionOptions, name: string): SessionOptions =>
      options.profilePrefix === undefined ? plain : { ...plain, profilePrefix: `${options.profilePrefix}-${name}` };
    const encode = await OrtSession.load(compiled.encode, traced(session, 'encode'));
    try {
      const decode = await OrtSession.load(compiled.decode, traced(recorded, 'decode'));
      const place: MemoryPlace = device === 'cpu' ? cpuMemory : { device: 'cuda', id: device.deviceId };
      const { config, precision } = compiled;
      const windows =
        cache === 'growing'
          ? undefined
          : new WindowMemory(decode, {
              config,
              precision,
              kernels,
              place,
              records: stepGraphs,
              largest: options.largest,
            });
      return new WhisperNetwork(compiled, encode, decode, place, windows);
    } catch (error) {
      encode.close();
      throw error;
    }
  }

  readonly config: WhisperConfig;
  readonly special: SpecialTokens;

  /** @param windows memory of decoders in place; without it caches grow */
  private constructor(
    { config, special }: CompiledWhisper,
    private readonly encode: OrtSession,
    private readonly decode: OrtSession,
    private readonly place: MemoryPlace,
    private readonly windows: WindowMemory | undefined,
  ) {
    this.config = config;
    this.special = special;
  }

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
    const frames = heardSamples.map((count) => Math.max(1, Math.ceil(count / samplesPerEncoderFrame)));
    const memory = this.windows?.take(batch, samples / samplesPerEncoderFrame);
    try {
      const heard = await this.#encode(audio, batch, memory?.heard);
      return memory
        ? new InPlaceDecoder(this.decode, this.config, memory, frames)
        : new GrowingDecoder(this.decode, this.config, this.place, heard, frames);
    } catch (error) {
      memory?.release();
      throw error;
    }
  }

  /** @param targets where the outputs are written; else ONNX Runtime allocates them */
  async #encode(
    audio: Float32Array,
    batch: number,
    targets: ReadonlyMap<string, OrtValue> | undefined,
  ): Promise<ReadonlyMap<string, OrtValue>> {
    const binding = this.encode.bind();
    const input = OrtValue.fromTensor({ type: 'float32', dims: [batch, audio.length / batch], data: audio });
    try {
      binding.input('audio', input);
      for (const name of this.encode.outputs) {
        if (name.startsWith('cross') || name === 'alignmentKeys')
          binding.output(name, targets?.get(name) ?? this.place);
      }
      const allocated = await binding.run();
      return targets ?? allocated;
    } finally {
      input.close();
      binding.close();
    }
  }

  /** Ends the traces that `profilePrefix` began and names their files. */
  endProfiling(): string[] {
    return [this.encode.endProfiling(), this.decode.endProfiling()];
  }

  /** May be called twice; decoders that are open stay usable until they are closed. */
  close(): void {
    this.windows?.close();
    this.encode.close();
    this.decode.close();
  }
}
