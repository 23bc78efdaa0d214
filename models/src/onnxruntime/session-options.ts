// How a model is loaded and run: threads, optimisation, memory, execution providers.
import type { Tensor } from './element-types.js';
import { logSeverities } from './environment.js';
import { check, ortApi, outOf, type Pointer } from './library.js';
import { OrtValue } from './value.js';

/**
 * Runs the graph on one GPU of NVIDIA. `options` are ONNX Runtime's own keys, for example `gpu_mem_limit` (bytes),
 * `arena_extend_strategy`, `cudnn_conv_algo_search`, `enable_cuda_graph`, `use_tf32`. Needs a libonnxruntime with the
 * CUDA provider beside it (SOTTO_ONNXRUNTIME).
 */
export interface CudaProvider {
  readonly name: 'cuda';
  readonly deviceId: number;
  readonly options?: Readonly<Record<string, string>>;
}

export interface SessionOptions {
  /** Threads that one run may use, its own caller included. Default: as many as there are physical cores. */
  readonly intraOpThreads?: number;
  /** How far the graph is rewritten at load. Default `all`. */
  readonly optimization?: 'none' | 'basic' | 'extended' | 'all';
  /**
   * Whether freed memory is kept for the next run: faster, but it stays at the high-water mark of every shape seen.
   * Default true.
   */
  readonly cpuArena?: boolean;
  /** Whether the allocations of a shape are planned as one block: pays when shapes repeat. Default true. */
  readonly memoryPattern?: boolean;
  /** Providers in order of preference; the CPU always comes last. Default: the CPU alone. */
  readonly providers?: readonly CudaProvider[];
  /** ONNX Runtime's session configuration keys, for example `session.intra_op.allow_spinning`: '0'. */
  readonly config?: Readonly<Record<string, string>>;
  /** Where the external data of a model given as bytes lies. */
  readonly externalDataFolder?: string;
  /** External data that lies in memory, by name: copied, so that it may be gone when the session is there. */
  readonly initializers?: ReadonlyMap<string, Tensor>;
  /** Writes a Chrome trace of every node to `<prefix>_<date>.json`; `endProfiling()` names the file. */
  readonly profilePrefix?: string;
  /** Writes the graph as it looks after optimisation, to study it. */
  readonly optimizedModelFile?: string;
  /** Default `error`. */
  readonly logSeverity?: keyof typeof logSeverities;
}

/** onnxruntime_session_options_config_keys.h */
const externalDataFolderKey = 'session.model_external_initializers_file_folder_path';

/** `GraphOptimizationLevel`. */
const optimizationLevels = { none: 0, basic: 1, extended: 2, all: 99 } as const;

/** Calls `use` with native session options, which are released when it has settled. */
export async function withSessionOptions<T>(
  options: SessionOptions,
  use: (pointer: Pointer) => Promise<T>,
): Promise<T> {
  const api = ortApi();
  const pointer = outOf<Pointer>((out) => api.createSessionOptions(out));
  const values: OrtValue[] = [];
  try {
    check(api.setSessionGraphOptimizationLevel(pointer, optimizationLevels[options.optimization ?? 'all']));
    check(api.setSessionLogSeverityLevel(pointer, logSeverities[options.logSeverity ?? 'error']));
    // The graphs here are chains: nodes run one after the other, each on all intra-op threads.
    check(api.setInterOpNumThreads(pointer, 1));
    if (options.intraOpThreads !== undefined) check(api.setIntraOpNumThreads(pointer, options.intraOpThreads));
    if (options.cpuArena === false) check(api.disableCpuMemArena(pointer));
    if (options.memoryPattern === false) check(api.disableMemPattern(pointer));
    if (options.optimizedModelFile) check(api.setOptimizedModelFilePath(pointer, options.optimizedModelFile));
    if (options.profilePrefix) check(api.enableProfiling(pointer, options.profilePrefix));
    const config = { ...options.config };
    if (options.externalDataFolder !== undefined) config[externalDataFolderKey] = options.externalDataFolder;
    for (const [key, value] of Object.entries(config)) {
      check(api.addSessionConfigEntry(pointer, key, value));
    }
    for (const provider of options.providers ?? []) appendCuda(pointer, provider);
    const initializers = options.initializers ?? new Map<string, Tensor>();
    for (const tensor of initializers.values()) values.push(OrtValue.fromTensor(tensor));
    if (values.length > 0) {
      const pointers = values.map((value) => value.pointer);
      check(api.addExternalInitializers(pointer, [...initializers.keys()], pointers, values.length));
    }
    return await use(pointer);
  } finally {
    api.releaseSessionOptions(pointer);
    for (const value of values) value.close();
  }
}

function appendCuda(sessionOptions: Pointer, { deviceId, options }: CudaProvider): void {
  const api = ortApi();
  const pointer = outOf<Pointer>((out) => api.createCudaProviderOptions(out));
  try {
    const entries = Object.entries({ device_id: String(deviceId), ...options });
    const keys = entries.map(([key]) => key);
    const values = entries.map(([, value]) => value);
    check(api.updateCudaProviderOptions(pointer, keys, values, entries.length));
    check(api.appendCudaProvider(sessionOptions, pointer));
  } finally {
    api.releaseCudaProviderOptions(pointer);
  }
}
