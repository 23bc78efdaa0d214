// A Sotto server in a process of its own, started for one bench, with its memory and CPU time in view.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';
import { processCpu, processTree, type ProcessCpu, type TreeUsage } from '../measure/process-tree.js';
import { freePort } from './free-port.js';

export interface SpawnOptions {
  /** Further flags of `sotto serve`. */
  readonly flags: readonly string[];
  /** How long the server may take to become ready, milliseconds. */
  readonly readyTimeoutMs: number;
  /** Default: a free one. */
  readonly port?: number;
  /** Folder of the checkout whose build is started. Default: this one's build, or its sources. */
  readonly checkout?: string | undefined;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const READY_POLL_MS = 25;
const STOP_TIMEOUT_MS = 15_000;
/** Characters of the server's own output that are kept for the error message when it dies. */
const OUTPUT_CHARS_MAX = 4_000;

const BUILT = 'server/dist/cli/sotto.js';
/** The bench's build measures the server's, its sources what the launcher takes. */
const SOTTO = join(repositoryRoot, import.meta.url.endsWith('.js') ? BUILT : 'server/bin/sotto.mjs');

export class SpawnedServer implements AsyncDisposable {
  readonly httpUrl: string;
  readonly streamUrl: string;
  /** From the start of the process to the first 200 of GET /ready, milliseconds. */
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #output: () => string;

  private constructor(child: ChildProcess, output: () => string, port: number, readyMs: number) {
    this.#child = child;
    this.#output = output;
    this.httpUrl = `http://127.0.0.1:${port}`;
    this.streamUrl = `ws://127.0.0.1:${port}/v1/stream`;
    this.readyMs = readyMs;
  }

  /**
   * Starts `sotto serve` and waits until it is ready. @throws BenchError `server_failed`, with the end of its
   * output
   */
  static async start({ flags, readyTimeoutMs, port: wanted, checkout, env }: SpawnOptions): Promise<SpawnedServer> {
    const port = wanted ?? (await freePort());
    const startedAt = performance.now();
    const child = spawn(
      process.execPath,
      [
        checkout === undefined ? SOTTO : join(checkout, BUILT),
        'serve',
        '--host',
        '127.0.0.1',
        '--port',
        `${port}`,
        ...flags,
      ],
      // A process group of its own, so that it can be ended with all its children. The data folder is the user's own
      // server's.
      {
        cwd: checkout ?? repositoryRoot,
        env: { SOTTO_STORE: 'none', ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    );
    const killWithBench = (): void => killGroup(child);
    process.once('exit', killWithBench);
    child.once('exit', () => process.off('exit', killWithBench));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_CHARS_MAX)));
    }
    while (!(await isReady(port))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new BenchError('server_failed', `The server ended before it was ready:\n${output.trim()}`);
      }
      if (performance.now() - startedAt > readyTimeoutMs) {
        killGroup(child);
        throw new BenchError('server_failed', `The server was not ready after ${readyTimeoutMs} ms:\n${output.trim()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
    return new SpawnedServer(child, () => output.trim(), port, performance.now() - startedAt);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended, with the end of its output; undefined while it runs. */
  get ending(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return undefined;
    return `The server ended (${signalCode ?? exitCode}):\n${this.#output()}`;
  }

  /** Memory and CPU time of the server with all its children; undefined where the system has no /proc. */
  async usage(): Promise<TreeUsage | undefined> {
    return this.#child.pid === undefined ? undefined : await processTree(this.#child.pid);
  }

  /** CPU time of each of its processes; undefined where the system has no /proc. */
  async cpu(): Promise<ProcessCpu[] | undefined> {
    return this.#child.pid === undefined ? undefined : await processCpu(this.#child.pid);
  }

  /** Ends it with all its children, as a loss of power would. May be called twice. */
  async kill(): Promise<void> {
    if (this.ending !== undefined) return;
    const ended = once(this.#child, 'exit');
    killGroup(this.#child);
    await ended;
  }

  /** Sends it a signal. Resolves when it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.ending !== undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }

  /** Asks the server to end, and ends it if it does not. May be called twice. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(this.#child), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // Not listening yet.
  }
}
