// Several nodes on this machine that share a Redis, behind nginx.
import { BenchError } from '../bench-error.js';
import { freePort } from '../server/free-port.js';
import { SpawnedServer } from '../server/spawned-server.js';
import { hasNginx, Nginx } from './nginx.js';
import { hasRedis, Redis } from '../server/redis.js';

const READY_TIMEOUT_MS = 120_000;

export interface ClusterOptions {
  readonly nodes: number;
  /** Further flags of each node. */
  readonly flags: readonly string[];
}

export class Cluster implements AsyncDisposable {
  readonly nginx: Nginx;
  readonly redis: Redis;
  readonly nodes: SpawnedServer[];
  readonly #flags: readonly string[];

  private constructor(nginx: Nginx, redis: Redis, nodes: SpawnedServer[], flags: readonly string[]) {
    this.nginx = nginx;
    this.redis = redis;
    this.nodes = nodes;
    this.#flags = flags;
  }

  /** @throws BenchError `usage` where Redis or nginx is not installed, `server_failed` */
  static async start({ nodes: count, flags }: ClusterOptions): Promise<Cluster> {
    for (const [name, isThere] of [
      ['redis-server', hasRedis()],
      ['nginx', hasNginx()],
    ] as const) {
      if (!isThere) throw new BenchError('usage', `${name} is not installed.`);
    }
    const redis = await Redis.start();
    const shared = ['--store', 'redis', '--redis-url', redis.url, '--polish', 'off', '--trusted-proxies', '127.0.0.1'];
    const all = [...shared, ...flags];
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const nodes: SpawnedServer[] = [];
    try {
      for (const port of ports) nodes.push(await startNode(all, port));
      const nginx = await Nginx.start(ports.map((port) => `127.0.0.1:${port}`));
      return new Cluster(nginx, redis, nodes, all);
    } catch (error) {
      await Promise.all([redis.kill(), ...nodes.map((node) => node.kill())]);
      throw error;
    }
  }

  /** Through nginx. */
  get streamUrl(): string {
    return `ws://${this.nginx.address}/v1/stream`;
  }

  get httpUrl(): string {
    return `http://${this.nginx.address}`;
  }

  /** Starts a node again, at its address. */
  async restart(index: number): Promise<void> {
    const { httpUrl } = this.#node(index);
    const port = Number(new URL(httpUrl).port);
    this.nodes[index] = await startNode(this.#flags, port);
  }

  async kill(index: number): Promise<void> {
    await this.#node(index).kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nginx[Symbol.asyncDispose]();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis.kill();
  }

  #node(index: number): SpawnedServer {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`There is no node ${index}.`);
    return node;
  }
}

function startNode(flags: readonly string[], port: number): Promise<SpawnedServer> {
  return SpawnedServer.start({ flags, readyTimeoutMs: READY_TIMEOUT_MS, port });
}
