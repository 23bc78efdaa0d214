// The server under test: one that runs already, or one that the bench starts and can look into.
import { processCpu, type ProcessCpu, type TreeUsage } from '../measure/process-tree.js';
import { redisFor } from './own-redis.js';
import { SpawnedServer } from './spawned-server.js';

/** What the benches need of a server. */
export interface BenchServer extends AsyncDisposable {
  readonly httpUrl: string;
  readonly streamUrl: string;
  /** Start to ready, milliseconds; unknown for a server that ran already. */
  readonly readyMs: number | undefined;
  /** Memory and CPU time; undefined for a server that somebody else started. */
  usage(): Promise<TreeUsage | undefined>;
  /** CPU time by process, read without a burden for the server; undefined likewise. */
  cpu(): Promise<ProcessCpu[] | undefined>;
}

const READY_TIMEOUT_MS = 180_000;

/** Joins the server at `url`, or starts one with `flags` when there is no url. */
export async function openServer(url: URL | undefined, flags: readonly string[]): Promise<BenchServer> {
  if (url === undefined) return await startServer(flags);
  const base = url.origin.replace(/^ws/, 'http');
  return {
    httpUrl: base,
    streamUrl: `${base.replace(/^http/, 'ws')}/v1/stream`,
    readyMs: undefined,
    usage: async () => undefined,
    cpu: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** With a Redis of the bench's own where it needs one. */
async function startServer(flags: readonly string[]): Promise<BenchServer> {
  const redis = await redisFor(flags);
  if (redis === undefined) return await SpawnedServer.start({ flags, readyTimeoutMs: READY_TIMEOUT_MS });
  try {
    const all = [...flags, ...redis.flags];
    const server = await SpawnedServer.start({ flags: all, readyTimeoutMs: READY_TIMEOUT_MS });
    const { httpUrl, streamUrl, readyMs } = server;
    return {
      httpUrl,
      streamUrl,
      readyMs,
      usage: () => server.usage(),
      cpu: async () => {
        const [own, others] = await Promise.all([server.cpu(), processCpu(redis.pid)]);
        return own && [...own, ...(others ?? [])];
      },
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await redis.kill();
      },
    };
  } catch (error) {
    await redis.kill();
    throw error;
  }
}
