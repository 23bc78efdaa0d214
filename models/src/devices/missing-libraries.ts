// Which libraries a shared library wants and the system cannot find.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import koffi from 'koffi';

/** What the CUDA provider loads by itself when a graph first needs it, so that the linker does not know of it. */
const LOADED_LATE = ['libcudnn.so.9'];

/**
 * Of a CUDA provider: names such as `libcublasLt.so.13`, as the dynamic linker looks for them now (LD_LIBRARY_PATH
 * included). Empty where it cannot be told.
 */
export async function missingLibraries(file: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const { stdout } = await promisify(execFile)('ldd', [file]).catch(() => ({ stdout: '' }));
  const linked = [...stdout.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name = '']) => name);
  return [...linked, ...LOADED_LATE.filter((name) => !canLoad(name))];
}

function canLoad(name: string): boolean {
  try {
    koffi.load(name).unload();
    return true;
  } catch {
    return false;
  }
}

/** The Python packages of NVIDIA that carry the libraries, for the CUDA that they are of. */
export function packagesFor(libraries: readonly string[]): string[] {
  // From CUDA 13 on the packages carry no number, but cuDNN's does.
  const isCuda12 = libraries.some((library) => /^lib(cudart|cublas|cublasLt)\.so\.12$/.test(library));
  const wanted = PACKAGES.filter(([name]) => libraries.some((library) => library.startsWith(name)));
  return [...new Set(wanted.map(([, name]) => name))].map((name) => {
    if (isCuda12) return `${name}-cu12`;
    return name === 'nvidia-cudnn' ? `${name}-cu13` : name;
  });
}

const PACKAGES: readonly (readonly [string, string])[] = [
  ['libcudart', 'nvidia-cuda-runtime'],
  ['libnvrtc', 'nvidia-cuda-nvrtc'],
  ['libcublas', 'nvidia-cublas'],
  ['libcufft', 'nvidia-cufft'],
  ['libcurand', 'nvidia-curand'],
  ['libcudnn', 'nvidia-cudnn'],
  ['libnvJitLink', 'nvidia-nvjitlink'],
];
