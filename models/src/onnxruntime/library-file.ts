// Which libonnxruntime is loaded: one that is named, one with the CUDA provider beside it, or the package's own.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OrtError } from './errors.js';

/** On Linux, macOS (with the version in it) and Windows. */
const libraryName = /^(libonnxruntime\.so\.1|libonnxruntime[.\d]*\.dylib|onnxruntime\.dll)$/;

/** The file that ONNX Runtime looks for beside its core when CUDA is asked for. */
export const cudaProvider = 'libonnxruntime_providers_cuda.so';

function packageFile(): string {
  return createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
}

/** The version of the onnxruntime-node package: what the graphs are tested with, so what a provider must be of. */
export function runtimeVersion(): string {
  return (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version;
}

/**
 * Where `sotto doctor --install-cuda` puts the provider: `SOTTO_CUDA`, else sotto/cuda in the user's data folder, by
 * version.
 */
export function cudaFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['SOTTO_CUDA']) return resolve(env['SOTTO_CUDA']);
  const data = env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
  return join(data, 'sotto', 'cuda', `onnxruntime-${runtimeVersion()}`);
}

/** The provider that lies beside a core; undefined where there is none. */
export function providerBeside(core: string): string | undefined {
  const file = join(dirname(core), cudaProvider);
  return existsSync(file) ? file : undefined;
}

/**
 * SOTTO_ONNXRUNTIME, else the core of an installed CUDA provider, else what the onnxruntime-node package ships for this
 * platform.
 * @throws OrtError `library_not_found`
 */
export function libraryFile(env: NodeJS.ProcessEnv = process.env): string {
  const named = env['SOTTO_ONNXRUNTIME'];
  if (named) {
    if (!existsSync(named)) throw new OrtError('library_not_found', `SOTTO_ONNXRUNTIME names no file: ${named}`);
    return named;
  }
  const installed = join(cudaFolder(env), 'libonnxruntime.so.1');
  if (existsSync(installed) && providerBeside(installed) !== undefined) return installed;
  const folder = join(dirname(packageFile()), 'bin', 'napi-v6', process.platform, process.arch);
  const name = existsSync(folder) ? readdirSync(folder).find((entry) => libraryName.test(entry)) : undefined;
  if (name === undefined) {
    throw new OrtError(
      'library_not_found',
      `onnxruntime-node ships no library for ${process.platform}-${process.arch}; name one in SOTTO_ONNXRUNTIME`,
    );
  }
  return join(folder, name);
}
