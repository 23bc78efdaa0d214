// Copies between JavaScript's memory and a GPU's, by NVIDIA's runtime library, which the CUDA provider has loaded
// already.
import koffi, { type KoffiFunc } from 'koffi';
import { OrtError } from './errors.js';
import type { Pointer } from './library.js';

/** `cudaMemcpyKind`. */
const hostToDevice = 1;
const deviceToHost = 2;

interface CudaRuntime {
  readonly allocate: KoffiFunc<(address: [Pointer | null], bytes: number) => number>;
  readonly free: KoffiFunc<(address: Pointer) => number>;
  readonly copyToDevice: KoffiFunc<(to: Pointer, from: Uint8Array, bytes: number, kind: number) => number>;
  readonly copyToHost: KoffiFunc<(to: Uint8Array, from: Pointer, bytes: number, kind: number) => number>;
  readonly set: KoffiFunc<(address: Pointer, value: number, bytes: number) => number>;
  readonly setDevice: KoffiFunc<(id: number) => number>;
  readonly memoryInfo: KoffiFunc<(free: [number | null], total: [number | null]) => number>;
  readonly synchronizeStream: KoffiFunc<(stream: null) => number>;
  readonly errorString: KoffiFunc<(error: number) => string>;
}

/** The releases that ONNX Runtime's packages of these years are built for. */
const libraryNames =
  process.platform === 'win32'
    ? ['cudart64_13.dll', 'cudart64_12.dll']
    : ['libcudart.so.13', 'libcudart.so.12', 'libcudart.so'];

let loaded: CudaRuntime | undefined;
/** Kept, as koffi unloads a library when its object is collected. */
const libraries: unknown[] = [];

/** Throws OrtError `engine_error`, with too little memory for example. */
export function allocateOnDevice(id: number, length: number): Pointer {
  useDevice(id);
  const address: [Pointer | null] = [null];
  checkCuda(cudaRuntime().allocate(address, length));
  if (address[0] === null) throw new OrtError('engine_error', `CUDA gave no address for ${length} bytes`);
  return address[0];
}

export function freeOnDevice(id: number, address: Pointer): void {
  useDevice(id);
  checkCuda(cudaRuntime().free(address));
}

/**
 * Copies to a device, all of it before the call returns: ONNX Runtime's streams wait for no other one, and a copy from
 * pageable memory may still be on its way when `cudaMemcpy` is back. Throws OrtError `engine_error`.
 */
export function copyToDevice(id: number, address: Pointer, bytes: Uint8Array): void {
  useDevice(id);
  const cuda = cudaRuntime();
  checkCuda(cuda.copyToDevice(address, bytes, bytes.byteLength, hostToDevice));
  checkCuda(cuda.synchronizeStream(null));
}

/** Throws OrtError `engine_error`. */
export function copyFromDevice(id: number, address: Pointer, length: number): Uint8Array {
  useDevice(id);
  const bytes = new Uint8Array(length);
  checkCuda(cudaRuntime().copyToHost(bytes, address, length, deviceToHost));
  return bytes;
}

/** Fills memory of a device with zeros, all of it before the call returns. Throws OrtError `engine_error`. */
export function clearOnDevice(id: number, address: Pointer, length: number): void {
  useDevice(id);
  const cuda = cudaRuntime();
  checkCuda(cuda.set(address, 0, length));
  checkCuda(cuda.synchronizeStream(null));
}

/**
 * Bytes of a GPU's memory that are free now. Throws OrtError `engine_error` where there is no such GPU,
 * `library_not_found` where there is no CUDA.
 */
export function freeDeviceMemory(id: number): number {
  useDevice(id);
  const free: [number | null] = [null];
  checkCuda(cudaRuntime().memoryInfo(free, [null]));
  return Number(free[0]);
}

/** Of the calling thread, for the calls that follow. */
function useDevice(id: number): void {
  checkCuda(cudaRuntime().setDevice(id));
}

function checkCuda(status: number): void {
  if (status !== 0) throw new OrtError('engine_error', `CUDA: ${cudaRuntime().errorString(status)} (${status})`);
}

function cudaRuntime(): CudaRuntime {
  return (loaded ??= load());
}

function load(): CudaRuntime {
  let cause: unknown;
  for (const name of libraryNames) {
    try {
      const library = koffi.load(name);
      libraries.push(library);
      return {
        allocate: library.func('int cudaMalloc(_Out_ void **, size_t)') as CudaRuntime['allocate'],
        free: library.func('int cudaFree(void *)') as CudaRuntime['free'],
        copyToDevice: library.func('int cudaMemcpy(void *, const void *, size_t, int)') as CudaRuntime['copyToDevice'],
        copyToHost: library.func('cudaMemcpy', 'int', [
          koffi.out(koffi.pointer('uint8_t')),
          'void *',
          'size_t',
          'int',
        ]) as CudaRuntime['copyToHost'],
        set: library.func('int cudaMemset(void *, int, size_t)') as CudaRuntime['set'],
        setDevice: library.func('int cudaSetDevice(int)') as CudaRuntime['setDevice'],
        memoryInfo: library.func('int cudaMemGetInfo(_Out_ size_t *, _Out_ size_t *)') as CudaRuntime['memoryInfo'],
        synchronizeStream: library.func('int cudaStreamSynchronize(void *)') as CudaRuntime['synchronizeStream'],
        errorString: library.func('const char *cudaGetErrorString(int)') as CudaRuntime['errorString'],
      };
    } catch (error) {
      cause ??= error;
    }
  }
  throw new OrtError('library_not_found', `NVIDIA's runtime library is not there: ${libraryNames.join(', ')}`, {
    cause,
  });
}
