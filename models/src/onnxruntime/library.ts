// Loads libonnxruntime and types the functions of its C API that this project calls.
import koffi, { type KoffiFunc } from 'koffi';
import { OrtError, codeOfStatus } from './errors.js';
import { libraryFile } from './library-file.js';

/** The address of a native object. */
export type Pointer = bigint;
/** `OrtStatus*`: null means success. */
type Status = Pointer | null;
/** An out parameter: the callee writes element 0. */
type Out<T> = [T | null];
type Action<A extends unknown[]> = KoffiFunc<(...args: A) => Status>;
type Release = KoffiFunc<(pointer: Pointer) => void>;

/**
 * The version of the C API that is asked for: the functions below all exist since then (ONNX Runtime 1.12), so any
 * newer library serves.
 */
const apiVersion = 12;

/**
 * Native code runs on a stack that koffi provides. ONNX Runtime's kernels keep packed panels of 64 KiB and more on it,
 * so it gets as much as a thread of the system would have; pages are only used when touched.
 */
const stackBytes = 8 * 1024 * 1024;
// When this module is loaded: koffi takes no settings once anything has been loaded with it, and others of the process
// use it too.
koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });

/**
 * The functions of `OrtApi` in use. A position is the function's place in the struct: the table is append-only
 * (onnxruntime_c_api.cc pins the positions with static assertions), so they hold for every later version.
 */
export interface OrtApi {
  readonly getErrorCode: KoffiFunc<(status: Pointer) => number>;
  readonly getErrorMessage: KoffiFunc<(status: Pointer) => string>;
  readonly releaseStatus: Release;
  readonly createEnv: Action<[logSeverity: number, id: string, out: Out<Pointer>]>;
  readonly getAvailableProviders: Action<[out: Out<Pointer>, count: Out<number>]>;
  readonly releaseAvailableProviders: Action<[names: Pointer, count: number]>;
  readonly createSessionOptions: Action<[out: Out<Pointer>]>;
  readonly releaseSessionOptions: Release;
  readonly setOptimizedModelFilePath: Action<[options: Pointer, path: string]>;
  readonly enableProfiling: Action<[options: Pointer, pathPrefix: string]>;
  readonly sessionEndProfiling: Action<[session: Pointer, allocator: Pointer, path: Out<Pointer>]>;
  readonly disableMemPattern: Action<[options: Pointer]>;
  readonly disableCpuMemArena: Action<[options: Pointer]>;
  readonly setSessionLogSeverityLevel: Action<[options: Pointer, severity: number]>;
  readonly setSessionGraphOptimizationLevel: Action<[options: Pointer, level: number]>;
  readonly setIntraOpNumThreads: Action<[options: Pointer, threads: number]>;
  readonly setInterOpNumThreads: Action<[options: Pointer, threads: number]>;
  readonly addSessionConfigEntry: Action<[options: Pointer, key: string, value: string]>;
  readonly createSession: Action<[environment: Pointer, path: string, options: Pointer, out: Out<Pointer>]>;
  readonly createSessionFromArray: Action<
    [environment: Pointer, model: Uint8Array, bytes: number, options: Pointer, out: Out<Pointer>]
  >;
  readonly releaseSession: Release;
  readonly sessionGetInputCount: Action<[session: Pointer, out: Out<number>]>;
  readonly sessionGetOutputCount: Action<[session: Pointer, out: Out<number>]>;
  readonly sessionGetInputName: Action<[session: Pointer, index: number, allocator: Pointer, out: Out<Pointer>]>;
  readonly sessionGetOutputName: Action<[session: Pointer, index: number, allocator: Pointer, out: Out<Pointer>]>;
  readonly createTensorWithData: Action<
    [
      memory: Pointer,
      data: Pointer | null,
      bytes: number,
      dims: BigInt64Array,
      rank: number,
      type: number,
      out: Out<Pointer>,
    ]
  >;
  readonly getTensorMutableData: Action<[value: Pointer, out: Out<Pointer>]>;
  readonly getTensorTypeAndShape: Action<[value: Pointer, out: Out<Pointer>]>;
  readonly getTensorElementType: Action<[info: Pointer, out: Out<number>]>;
  readonly getDimensionsCount: Action<[info: Pointer, out: Out<number>]>;
  readonly getDimensions: Action<[info: Pointer, dims: BigInt64Array, rank: number]>;
  readonly releaseTensorTypeAndShapeInfo: Release;
  readonly releaseValue: Release;
  readonly createMemoryInfo: Action<
    [name: string, allocatorType: number, deviceId: number, memoryType: number, out: Out<Pointer>]
  >;
  readonly getAllocatorWithDefaultOptions: Action<[out: Out<Pointer>]>;
  readonly allocatorAlloc: Action<[allocator: Pointer, bytes: number, out: Out<Pointer>]>;
  readonly allocatorFree: Action<[allocator: Pointer, memory: Pointer]>;
  readonly createIoBinding: Action<[session: Pointer, out: Out<Pointer>]>;
  readonly releaseIoBinding: Release;
  readonly bindInput: Action<[binding: Pointer, name: string, value: Pointer]>;
  readonly bindOutput: Action<[binding: Pointer, name: string, value: Pointer]>;
  readonly bindOutputToDevice: Action<[binding: Pointer, name: string, memory: Pointer]>;
  readonly getBoundOutputValues: Action<
    [binding: Pointer, allocator: Pointer, values: Out<Pointer>, count: Out<number>]
  >;
  readonly clearBoundOutputs: Release;
  readonly createRunOptions: Action<[out: Out<Pointer>]>;
  readonly addRunConfigEntry: Action<[options: Pointer, key: string, value: string]>;
  readonly runWithBinding: Action<[session: Pointer, runOptions: Pointer | null, binding: Pointer]>;
  readonly run: Action<
    [
      session: Pointer,
      runOptions: null,
      inputNames: readonly string[],
      inputs: readonly Pointer[],
      inputCount: number,
      outputNames: readonly string[],
      outputCount: number,
      outputs: (Pointer | null)[],
    ]
  >;
  readonly createCudaProviderOptions: Action<[out: Out<Pointer>]>;
  readonly updateCudaProviderOptions: Action<
    [options: Pointer, keys: readonly string[], values: readonly string[], count: number]
  >;
  readonly appendCudaProvider: Action<[sessionOptions: Pointer, options: Pointer]>;
  readonly releaseCudaProviderOptions: Release;
  readonly addExternalInitializers: Action<
    [options: Pointer, names: readonly string[], values: readonly Pointer[], count: number]
  >;
}

/** C parameter lists. `path` stands for ORTCHAR_T: UTF-16 on Windows, bytes elsewhere. */
const path = process.platform === 'win32' ? 'const char16_t *' : 'const char *';
const release = 'void F(void *)';
const signatures: { readonly [F in keyof OrtApi]: readonly [position: number, signature: string] } = {
  getErrorCode: [1, 'int F(void *)'],
  getErrorMessage: [2, 'const char *F(void *)'],
  createEnv: [3, 'void *F(int, const char *, _Out_ void **)'],
  createSession: [7, `void *F(void *, ${path}, void *, _Out_ void **)`],
  createSessionFromArray: [8, 'void *F(void *, const void *, size_t, void *, _Out_ void **)'],
  run: [9, 'void *F(void *, void *, const char **, void **, size_t, const char **, size_t, _Inout_ void **)'],
  createSessionOptions: [10, 'void *F(_Out_ void **)'],
  setOptimizedModelFilePath: [11, `void *F(void *, ${path})`],
  enableProfiling: [14, `void *F(void *, ${path})`],
  disableMemPattern: [17, 'void *F(void *)'],
  disableCpuMemArena: [19, 'void *F(void *)'],
  setSessionLogSeverityLevel: [22, 'void *F(void *, int)'],
  setSessionGraphOptimizationLevel: [23, 'void *F(void *, int)'],
  setIntraOpNumThreads: [24, 'void *F(void *, int)'],
  setInterOpNumThreads: [25, 'void *F(void *, int)'],
  sessionGetInputCount: [30, 'void *F(void *, _Out_ size_t *)'],
  sessionGetOutputCount: [31, 'void *F(void *, _Out_ size_t *)'],
  sessionGetInputName: [36, 'void *F(void *, size_t, void *, _Out_ void **)'],
  sessionGetOutputName: [37, 'void *F(void *, size_t, void *, _Out_ void **)'],
  createRunOptions: [39, 'void *F(_Out_ void **)'],
  createTensorWithData: [49, 'void *F(void *, void *, size_t, const int64_t *, size_t, int, _Out_ void **)'],
  getTensorMutableData: [51, 'void *F(void *, _Out_ void **)'],
  getTensorElementType: [60, 'void *F(void *, _Out_ int *)'],
  getDimensionsCount: [61, 'void *F(void *, _Out_ size_t *)'],
  getDimensions: [62, 'void *F(void *, _Out_ int64_t *, size_t)'],
  getTensorTypeAndShape: [65, 'void *F(void *, _Out_ void **)'],
  createMemoryInfo: [68, 'void *F(const char *, int, int, int, _Out_ void **)'],
  allocatorAlloc: [75, 'void *F(void *, size_t, _Out_ void **)'],
  allocatorFree: [76, 'void *F(void *, void *)'],
  getAllocatorWithDefaultOptions: [78, 'void *F(_Out_ void **)'],
  releaseStatus: [93, release],
  releaseSession: [95, release],
  releaseValue: [96, release],
  releaseTensorTypeAndShapeInfo: [99, release],
  releaseSessionOptions: [100, release],
  sessionEndProfiling: [110, 'void *F(void *, void *, _Out_ void **)'],
  getAvailableProviders: [125, 'void *F(_Out_ void **, _Out_ int *)'],
  releaseAvailableProviders: [126, 'void *F(void *, int)'],
  addSessionConfigEntry: [130, 'void *F(void *, const char *, const char *)'],
  runWithBinding: [133, 'void *F(void *, void *, void *)'],
  createIoBinding: [134, 'void *F(void *, _Out_ void **)'],
  releaseIoBinding: [135, release],
  bindInput: [136, 'void *F(void *, const char *, void *)'],
  bindOutput: [137, 'void *F(void *, const char *, void *)'],
  bindOutputToDevice: [138, 'void *F(void *, const char *, void *)'],
  getBoundOutputValues: [140, 'void *F(void *, void *, _Out_ void **, _Out_ size_t *)'],
  clearBoundOutputs: [142, release],
  addRunConfigEntry: [165, 'void *F(void *, const char *, const char *)'],
  appendCudaProvider: [204, 'void *F(void *, void *)'],
  createCudaProviderOptions: [205, 'void *F(_Out_ void **)'],
  updateCudaProviderOptions: [206, 'void *F(void *, const char **, const char **, size_t)'],
  releaseCudaProviderOptions: [208, release],
  addExternalInitializers: [210, 'void *F(void *, const char **, void **, size_t)'],
};

let loaded: { readonly api: OrtApi; readonly version: string } | undefined;

/** The C API, loaded at the first call. Throws OrtError `library_not_found` or `unsupported_library`. */
export function ortApi(): OrtApi {
  return (loaded ??= load()).api;
}

/** For example `1.30.0`. */
export function ortVersion(): string {
  return (loaded ??= load()).version;
}

/** Throws OrtError with the status's code and message, unless it is a success; the status is released. */
export function check(status: Status): void {
  if (status === null) return;
  const api = ortApi();
  const error = new OrtError(codeOfStatus(api.getErrorCode(status)), api.getErrorMessage(status));
  api.releaseStatus(status);
  throw error;
}

/** Calls `action` with an out parameter behind its other arguments and returns what was written there. */
export function outOf<T>(action: (out: Out<T>) => Status): T {
  const out: Out<T> = [null];
  check(action(out));
  if (out[0] === null) throw new OrtError('fail', 'ONNX Runtime returned no object');
  return out[0];
}

/**
 * Makes a call on a thread of libuv's pool (4 threads unless UV_THREADPOOL_SIZE says otherwise); the event loop stays
 * free.
 */
export function offThread<A extends unknown[]>(action: Action<A>, ...args: A): Promise<void> {
  return new Promise((resolve, reject) => {
    // The callee works on the arguments' memory after this call has returned: hold them until it is done.
    inFlight.add(args);
    const done = (error: unknown, status: Status): void => {
      inFlight.delete(args);
      try {
        if (error) throw new OrtError('fail', 'the native call could not be made', { cause: error });
        check(status);
        resolve();
      } catch (failure) {
        reject(failure);
      }
    };
    action.async(...args, done);
  });
}
const inFlight = new Set<readonly unknown[]>();

/** koffi unloads a library when its object is collected, however many of its functions are still held. */
const loadedLibraries = new Set<unknown>();

function load(): { api: OrtApi; version: string } {
  const file = libraryFile();
  let base: Pointer;
  try {
    const library = koffi.load(file);
    loadedLibraries.add(library);
    base = library.func('void *OrtGetApiBase()')() as Pointer;
  } catch (cause) {
    throw new OrtError('library_not_found', `could not load ONNX Runtime from ${file}`, { cause });
  }
  const getApi = functionAt<(version: number) => Pointer | null>(base, 0, 'void *F(uint32_t)');
  const version = functionAt<() => string>(base, 1, 'const char *F()')();
  const table = getApi(apiVersion);
  if (table === null) throw new OrtError('unsupported_library', `${file} is ONNX Runtime ${version}, too old`);
  const bound = Object.entries(signatures).map(([name, [position, signature]]) => [
    name,
    functionAt(table, position, signature),
  ]);
  return { api: Object.fromEntries(bound) as OrtApi, version };
}

function functionAt<F extends (...args: never[]) => unknown>(
  table: Pointer,
  position: number,
  signature: string,
): KoffiFunc<F> {
  const address = koffi.decode(table, position * koffi.sizeof('void *'), 'void *') as Pointer;
  // Prototypes share one namespace in koffi, so each gets a name of its own.
  const prototype = koffi.proto(signature.replace('F(', `Ort${prototypeCount++}(`));
  return koffi.decode(address, prototype) as KoffiFunc<F>;
}
let prototypeCount = 0;
