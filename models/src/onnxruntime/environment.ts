// The process-wide state of ONNX Runtime: its environment, its default allocator and the places where tensors can live.
import koffi from 'koffi';
import { check, ortApi, ortVersion, outOf, type Pointer } from './library.js';

/** ONNX Runtime's log severities; the environment reports errors only, a session may ask for more. */
export const logSeverities = { verbose: 0, info: 1, warning: 2, error: 3, fatal: 4 } as const;

/** Where a tensor lives. */
export interface MemoryPlace {
  readonly device: 'cpu' | 'cuda';
  /** Which device of that kind, from 0. */
  readonly id: number;
}

export const cpuMemory: MemoryPlace = { device: 'cpu', id: 0 };

/** ONNX Runtime's environment: one per process, made at first use, kept until the process ends. */
export class OrtEnvironment {
  static #shared: OrtEnvironment | undefined;

  static get shared(): OrtEnvironment {
    return (OrtEnvironment.#shared ??= new OrtEnvironment());
  }

  readonly pointer: Pointer;
  /** The default CPU allocator; owned by ONNX Runtime. */
  readonly allocator: Pointer;
  /** Memory descriptions by place: as many as there are devices, so they are kept. */
  readonly #places = new Map<string, Pointer>();
  /** By CUDA graph: as many as a session is given numbers, so they are kept. */
  readonly #runOptions = new Map<string, Pointer>();

  private constructor() {
    this.pointer = outOf<Pointer>((out) => ortApi().createEnv(logSeverities.error, 'sotto', out));
    this.allocator = outOf<Pointer>((out) => ortApi().getAllocatorWithDefaultOptions(out));
  }

  /** The library's version, for example `1.30.0`. */
  get version(): string {
    return ortVersion();
  }

  /** Execution providers built into the library, for example `CPUExecutionProvider`. */
  get availableProviders(): string[] {
    const count: [number | null] = [null];
    const names = outOf<Pointer>((out) => ortApi().getAvailableProviders(out, count));
    const found = Array.from({ length: count[0] ?? 0 }, (_, i) =>
      koffi.decode.string(koffi.decode(names, i * koffi.sizeof('void *'), 'void *')),
    );
    check(ortApi().releaseAvailableProviders(names, found.length));
    return found;
  }

  memoryInfo({ device, id }: MemoryPlace): Pointer {
    const key = `${device}:${id}`;
    let info = this.#places.get(key);
    if (info === undefined) {
      const name = device === 'cuda' ? 'Cuda' : 'Cpu';
      // OrtDeviceAllocator = 0, OrtMemTypeDefault = 0.
      info = outOf<Pointer>((out) => ortApi().createMemoryInfo(name, 0, id, 0, out));
      this.#places.set(key, info);
    }
    return info;
  }

  /**
   * Run options that name a CUDA graph; see `OrtBinding.run`.
   * @param shrinks whether the session gives back what its arena does not need, of the CPU's memory, when the run is
   * over
   */
  runOptions(cudaGraph: number, shrinks = false): Pointer {
    const key = `${cudaGraph} ${shrinks}`;
    let options = this.#runOptions.get(key);
    if (options === undefined) {
      options = outOf<Pointer>((out) => ortApi().createRunOptions(out));
      check(ortApi().addRunConfigEntry(options, 'gpu_graph_id', String(cudaGraph)));
      if (shrinks) check(ortApi().addRunConfigEntry(options, 'memory.enable_memory_arena_shrinkage', 'cpu:0'));
      this.#runOptions.set(key, options);
    }
    return options;
  }

  /** A string that ONNX Runtime allocated for the caller; its memory is freed. */
  takeString(address: Pointer): string {
    const text = koffi.decode.string(address);
    this.free(address);
    return text;
  }

  /** Memory of the CPU, its contents what was there: the caller frees it. Throws OrtError where there is none. */
  allocate(bytes: number): Pointer {
    return outOf<Pointer>((out) => ortApi().allocatorAlloc(this.allocator, bytes, out));
  }

  free(address: Pointer): void {
    check(ortApi().allocatorFree(this.allocator, address));
  }
}
