// The real server in a process of its own, on a free port, for tests that speak to it as anybody would.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import root, { type Test } from 'tap';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from './sotto-command.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Flags for a Whisper with random weights: everything but the words is as with a large one, and quick. */
export const TINY = ['--models', 'test/fixtures', '--model', 'tiny-whisper', '--fallback-budget-ms', '0'] as const;
/** Flags for an engine that recognises nothing, with a tokenizer that is read at once. */
export const NO_WORDS = ['--engine', 'null', '--models', 'test/fixtures', '--model', 'tiny-whisper'] as const;
/** The same, but it hears the numbers that bench/src/nodes/marked-speech.ts puts into speech. */
export const MARKED = ['--engine', 'marked', '--models', 'test/fixtures', '--model', 'tiny-whisper'] as const;
const START_TIMEOUT_MS = 60_000;

let shared: Promise<ServerProcess> | undefined;

export class ServerProcess {
  readonly #child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(flags: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#child = spawn(process.execPath, [...SOTTO_ARGUMENTS, 'serve', ...flags], {
      cwd: repository,
      // Several run at a time, and a data folder has one server: tests of the store name their own.
      env: { ...process.env, ...SOTTO_ENVIRONMENT, SOTTO_PORT: '0', SOTTO_STORE: 'none', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (data) => (this.stdout += String(data)));
    this.#child.stderr?.on('data', (data) => (this.stderr += String(data)));
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  /** Starts a server and waits for the line with its address. Ends it with the test. */
  static async start(
    t: Test,
    flags: readonly string[] = [],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<ServerProcess> {
    const server = ServerProcess.launch(t, flags, environment);
    await server.says(/listening on \S+.*\n/);
    return server;
  }

  /**
   * A server with default settings that all tests of this process share: for those that change nothing in it. It ends
   * with the process.
   */
  static shared(): Promise<ServerProcess> {
    shared ??= ServerProcess.start(root);
    return shared;
  }

  /** Starts a server without waiting. */
  static launch(t: Test, flags: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): ServerProcess {
    const server = new ServerProcess(flags, environment);
    t.teardown(async () => {
      server.#child.kill('SIGKILL');
      await server.#exited;
    });
    return server;
  }

  /** Waits until the standard output matches. Throws when the server ends or a minute passes without. */
  async says(pattern: RegExp): Promise<void> {
    const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
    const ended = Promise.race([this.#exited, once(timeout, 'abort')]).then(() => 'ended' as const);
    while (!pattern.test(this.stdout)) {
      const printed = this.#child.stdout === null ? ended : once(this.#child.stdout, 'data').catch(() => 'ended');
      if ((await Promise.race([printed, ended])) === 'ended') {
        throw new Error(`The server never said ${pattern}:\n${this.stdout}${this.stderr}`);
      }
    }
  }

  /** `http://127.0.0.1:PORT` */
  get http(): string {
    const address = /listening on (\S+)/.exec(this.stdout)?.[1];
    if (address === undefined) throw new Error('The server did not say its address.');
    return address;
  }

  /** `ws://127.0.0.1:PORT/v1/stream` */
  get url(): string {
    return `${this.http.replace('http', 'ws')}/v1/stream`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** How it ended. */
  exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#exited;
  }

  /** The value of a metric without labels; 0 when it is not there. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.http}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  }
}
