// The GPUs of this machine, asked of NVIDIA's driver itself (CUDA Driver API): no tool and no toolkit is needed for it.
import { messageOf } from '@sotto/protocol';
import { readFile } from 'node:fs/promises';
import koffi from 'koffi';

export interface Gpu {
  /** Number of the device, as `cuda:N` names it. */
  readonly index: number;
  readonly name: string;
  readonly memoryBytes: number;
  /** For example `9.0`. */
  readonly computeCapability: string;
}

export type NvidiaDriver =
  | {
      readonly isThere: true;
      /** For example `580.159.04`; empty where the system does not say. */
      readonly version: string;
      /** The newest CUDA that it serves, for example `13.0`. */
      readonly cudaVersion: string;
      readonly gpus: readonly Gpu[];
    }
  | { readonly isThere: false; readonly reason: string };

type LoadedLibrary = ReturnType<typeof koffi.load>;

const LIBRARY = process.platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1';

/** `CUdevice_attribute`: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR (cuda.h). */
const CAPABILITY = { major: 75, minor: 76 } as const;
const NAME_BYTES = 256;

export async function inspectNvidiaDriver(): Promise<NvidiaDriver> {
  let library: LoadedLibrary;
  try {
    library = koffi.load(LIBRARY);
  } catch {
    return {
      isThere: false,
      reason: `${LIBRARY} is not on this machine: no NVIDIA driver is installed, or a container does not see it`,
    };
  }
  try {
    return { isThere: true, version: await driverVersion(), ...askDriver(library) };
  } catch (error) {
    return { isThere: false, reason: messageOf(error) };
  } finally {
    library.unload();
  }
}

function askDriver(library: LoadedLibrary): { cudaVersion: string; gpus: Gpu[] } {
  const call = <A extends unknown[]>(name: string, parameters: string, ...args: A): void => {
    const status = library.func(`int ${name}(${parameters})`)(...args) as number;
    if (status !== 0) throw new Error(`the NVIDIA driver answers ${name} with error ${status}`);
  };
  const number = (name: string, parameters: string, ...args: unknown[]): number => {
    const out: [number | bigint] = [0];
    call(name, parameters, out, ...args);
    return Number(out[0]);
  };
  call('cuInit', 'unsigned int', 0);
  const cuda = number('cuDriverGetVersion', '_Out_ int *');
  const count = number('cuDeviceGetCount', '_Out_ int *');
  const gpus = Array.from({ length: count }, (_, index): Gpu => {
    const device = number('cuDeviceGet', '_Out_ int *, int', index);
    const name = Buffer.alloc(NAME_BYTES);
    call('cuDeviceGetName', 'void *, int, int', name, NAME_BYTES, device);
    const attribute = (which: number): number => number('cuDeviceGetAttribute', '_Out_ int *, int, int', which, device);
    return {
      index,
      name: name.toString('utf8', 0, name.indexOf(0)),
      memoryBytes: number('cuDeviceTotalMem_v2', '_Out_ size_t *, int', device),
      computeCapability: `${attribute(CAPABILITY.major)}.${attribute(CAPABILITY.minor)}`,
    };
  });
  return { cudaVersion: `${Math.floor(cuda / 1_000)}.${Math.floor((cuda % 1_000) / 10)}`, gpus };
}

async function driverVersion(): Promise<string> {
  const text = await readFile('/proc/driver/nvidia/version', 'utf8').catch(() => '');
  return /\b(\d{3,}\.[\d.]+)\b/.exec(text)?.[1] ?? '';
}
