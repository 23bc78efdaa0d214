// The server under test: one that runs already, or one that the bench starts and can look into.
import type { ProcessCpu, TreeUsage } from '../measure/process-tree.js';
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
  if (url === undefined) return await SpawnedServer.start({ flags, readyTimeoutMs: READY_TIMEOUT_MS });
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
