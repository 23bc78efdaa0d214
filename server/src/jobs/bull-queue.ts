// The queue that several nodes share: BullMQ on Redis. A job whose node dies is taken over by another one.
import { Queue, UnrecoverableError, Worker } from 'bullmq';
import { connectRedis, type RedisConnection, type RedisConnectionOptions } from '../store/redis/connect-redis.js';
import type { JobHandler, JobQueue } from './job-queue.js';

const NAME = 'jobs';
/** The braces keep all keys in one slot of a cluster. */
const PREFIX = '{sotto}:bull';
/** How long a node may be silent before its job is given to another one, milliseconds. */
const LOCK_MS = 15_000;
/** How often a job is tried, and how long it waits in between, milliseconds. */
const ATTEMPTS = { attempts: 20, backoff: { type: 'fixed', delay: 2_000 } } as const;

export interface BullQueueOptions {
  readonly url: string;
  /** Jobs that this node does at a time. */
  readonly concurrency: number;
  readonly onError: (error: unknown) => void;
  /** Default: {@link LOCK_MS}. */
  readonly lockMs?: number;
}

export class BullQueue implements JobQueue {
  readonly #options: BullQueueOptions;
  readonly #queue: Queue;
  readonly #connections: RedisConnection[] = [];
  #worker: Worker | undefined;

  constructor(options: BullQueueOptions) {
    this.#options = options;
    this.#queue = new Queue(NAME, {
      // Fails at once without a connection: a client is told, and asks again.
      connection: this.#connect({ enableOfflineQueue: false }),
      prefix: PREFIX,
      defaultJobOptions: { ...ATTEMPTS, removeOnComplete: true, removeOnFail: true },
    });
    this.#queue.on('error', options.onError);
  }

  async waiting(): Promise<number> {
    return this.#queue.getJobCountByTypes('waiting', 'delayed', 'prioritized');
  }

  async add(id: string): Promise<void> {
    await this.#queue.waitUntilReady();
    await this.#queue.add(NAME, {}, { jobId: id });
  }

  async remove(id: string): Promise<void> {
    // Zero where a worker has it: that one hears of it from the record.
    await this.#queue.remove(id);
  }

  work(handler: JobHandler): void {
    const { concurrency, lockMs = LOCK_MS, onError } = this.#options;
    this.#worker = new Worker(
      NAME,
      async ({ id }) => {
        if (id === undefined) throw new UnrecoverableError('a job without an id');
        await handler(id);
      },
      {
        connection: this.#connect({ maxRetriesPerRequest: null }),
        prefix: PREFIX,
        concurrency,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        // The record counts the attempts, and gives up.
        maxStalledCount: 1_000,
      },
    );
    this.#worker.on('error', onError);
  }

  async close(): Promise<void> {
    await this.#worker?.close();
    await this.#queue.close();
    for (const connection of this.#connections) connection.disconnect();
  }

  #connect(options: RedisConnectionOptions): RedisConnection {
    const connection = connectRedis(this.#options.url, options);
    // Every command tells its own failure.
    connection.on('error', () => undefined);
    this.#connections.push(connection);
    return connection;
  }
}
