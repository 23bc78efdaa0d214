// The GPU on which an engine is measured within the bench's own process.
import { BenchError } from '../bench-error.js';

/**
 * Reads `cpu` (undefined) or `cuda:0`. @throws BenchError `usage`, also where native calls would come from several
 * threads
 */
export function gpuOf(name: string): { readonly deviceId: number } | undefined {
  if (name === 'cpu') return undefined;
  const id = /^cuda:(\d+)$/.exec(name)?.[1];
  if (id === undefined) throw new BenchError('usage', `--device is cpu or cuda:0, not "${name}".`);
  // Native calls are made by libuv's threads, and what CUDA keeps belongs to the thread that made it.
  if (process.env['UV_THREADPOOL_SIZE'] !== '1') {
    throw new BenchError(
      'usage',
      'A GPU is measured with UV_THREADPOOL_SIZE=1 in the environment, as its engines run.',
    );
  }
  return { deviceId: Number(id) };
}
