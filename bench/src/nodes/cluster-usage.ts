// What a cluster takes of the machine, and what its Redis is asked.
import { BenchError } from '../bench-error.js';
import { processCpu } from '../measure/process-tree.js';
import type { Cluster } from './cluster.js';

export interface ClusterUsage {
  /** Processor time of all nodes with their children, milliseconds. */
  readonly nodesCpuMs: number;
  readonly redisCpuMs: number;
  readonly nginxCpuMs: number;
  readonly redisCommands: number;
  /** Of these, what the store writes: one script each. */
  readonly redisWrites: number;
  readonly redisBytesIn: number;
  readonly redisBytesOut: number;
}

/** Since everything was started. @throws BenchError `usage` where the system has no /proc */
export async function clusterUsage({ nodes, redis, nginx }: Cluster): Promise<ClusterUsage> {
  const [nodeTimes, redisCpuMs, nginxCpuMs, info, calls] = await Promise.all([
    Promise.all(nodes.map(({ pid }) => cpuOf(pid))),
    cpuOf(redis.pid),
    cpuOf(nginx.pid),
    redis.ask('INFO', 'stats'),
    redis.ask('INFO', 'commandstats'),
  ]);
  const stat = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    nodesCpuMs: nodeTimes.reduce((sum, ms) => sum + ms, 0),
    redisCpuMs,
    nginxCpuMs,
    redisCommands: stat('total_commands_processed'),
    redisWrites: Number(/^cmdstat_eval:calls=(\d+)/m.exec(calls)?.[1] ?? 0),
    redisBytesIn: stat('total_net_input_bytes'),
    redisBytesOut: stat('total_net_output_bytes'),
  };
}

async function cpuOf(pid: number): Promise<number> {
  const processes = await processCpu(pid);
  if (processes === undefined) throw new BenchError('usage', 'Processor time is read from /proc, which is not here.');
  return processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/** What came between two looks. */
export function usageBetween(before: ClusterUsage, after: ClusterUsage): ClusterUsage {
  const names = Object.keys(before) as (keyof ClusterUsage)[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as ClusterUsage;
}

/** Mean size of the checkpoints that are there now, bytes; 0 where there are none. */
export async function checkpointBytes({ redis }: Cluster): Promise<number> {
  const script =
    "local values = redis.call('HVALS', KEYS[1]) local bytes = 0 " +
    'for _, value in ipairs(values) do bytes = bytes + #value end return { #values, bytes }';
  const [count = 0, bytes = 0] = (await redis.ask('EVAL', script, '1', '{sotto}:checkpoints')).split('\n').map(Number);
  return count === 0 ? 0 : bytes / count;
}
