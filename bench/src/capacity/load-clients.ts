// The load clients: processes that share the streams, so that no single one of them is what is measured.
import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from '../bench-error.js';
import type { FromClient, LoadReport, LoadTask, StreamTask, ToClient } from './load-messages.js';

const MAIN = fileURLToPath(new URL(`./load-client-main${extname(import.meta.url)}`, import.meta.url));

/** How long a client may take to start and to receive its audio, milliseconds. */
const PREPARE_TIMEOUT_MS = 120_000;
/** How long its report may take behind the end of its streams, milliseconds. */
const REPORT_TIMEOUT_MS = 60_000;

export interface LoadOptions extends Omit<LoadTask, 'streams'> {
  readonly connections: number;
  readonly clients: number;
  /** Time over which the streams start, evenly, milliseconds. */
  readonly rampMs: number;
  readonly seed: number;
}

/** Processes that have their streams and wait for the word. */
export class LoadClients implements Disposable {
  readonly #clients: readonly LoadClient[];
  readonly #lastsMs: number;

  private constructor(clients: readonly LoadClient[], lastsMs: number) {
    this.#clients = clients;
    this.#lastsMs = lastsMs;
  }

  /** Starts the processes and deals the streams to them in turn, so that each has early and late ones. */
  static async prepare(options: LoadOptions): Promise<LoadClients> {
    const { connections, rampMs, seed, clients: wanted, ...task } = options;
    const count = Math.min(wanted, connections);
    const streams = Array.from({ length: connections }, (_, index): StreamTask => ({
      startMs: (index * rampMs) / connections,
      seed: seed + index,
    }));
    const clients = Array.from({ length: count }, () => new LoadClient());
    const lastsMs = task.times.stopMs + (task.play.stopTimeoutMs ?? 0);
    const prepared = new LoadClients(clients, lastsMs);
    try {
      await Promise.all(
        clients.map((client, number) =>
          client.prepare({ ...task, streams: streams.filter((_, index) => index % count === number) }),
        ),
      );
    } catch (error) {
      prepared[Symbol.dispose]();
      throw error;
    }
    return prepared;
  }

  /** Plays all streams to their end. */
  async play(): Promise<LoadReport[]> {
    return await Promise.all(this.#clients.map((client) => client.play(this.#lastsMs + REPORT_TIMEOUT_MS)));
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.end();
  }
}

class LoadClient {
  readonly #process: ChildProcess = fork(MAIN, [], { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });

  async prepare(task: LoadTask): Promise<void> {
    await this.#ask({ type: 'task', task }, PREPARE_TIMEOUT_MS);
  }

  async play(timeoutMs: number): Promise<LoadReport> {
    const answer = await this.#ask({ type: 'go' }, timeoutMs);
    if (answer.type === 'done') return answer.report;
    throw new BenchError(
      'server_failed',
      `A load client failed: ${answer.type === 'failed' ? answer.message : answer.type}`,
    );
  }

  end(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  /**
   * Sends a message and waits for the answer. @throws BenchError `timed_out`, or `server_failed` when the process dies
   */
  #ask(message: ToClient, timeoutMs: number): Promise<FromClient> {
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(
        () => settle(new BenchError('timed_out', `A load client did not answer "${message.type}" in ${timeoutMs} ms.`)),
        timeoutMs,
      );
      const answered = (answer: FromClient): void => settle(answer);
      const died = (): void => settle(new BenchError('server_failed', 'A load client died.'));
      const settle = (outcome: FromClient | BenchError): void => {
        clearTimeout(overdue);
        this.#process.off('message', answered).off('exit', died).off('error', died);
        if (outcome instanceof BenchError) reject(outcome);
        else resolve(outcome);
      };
      this.#process.on('message', answered).on('exit', died).on('error', died);
      this.#process.send(message, () => undefined);
    });
  }
}
