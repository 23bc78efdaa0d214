// A real Redis on this machine.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { BenchError } from '../bench-error.js';
import { freePort } from './free-port.js';

const run = promisify(execFile);

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

export class Redis implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** Starts one without files. @param flags further ones of redis-server. @throws BenchError `server_failed` */
  static async start(flags: readonly string[] = [], port?: number): Promise<Redis> {
    const own = port ?? (await freePort());
    const fixed = ['--port', `${own}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...fixed, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const data of child.stdout) {
      said += String(data);
      if (said.includes('Ready to accept connections')) break;
    }
    if (child.exitCode !== null) throw new BenchError('server_failed', `redis-server ended:\n${said}`);
    child.stdout.resume();
    return new Redis(own, child);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it answers a command, as redis-cli writes it. */
  async ask(...command: readonly string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', `${this.port}`, ...command]);
    return stdout;
  }

  /** As a crash would. May be called twice. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
