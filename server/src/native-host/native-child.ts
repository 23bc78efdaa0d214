// One run of a child process that carries a model or a decoder, seen from the server: start, requests, death.
import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { ChildError, RequestError } from './errors.js';
import { type FromChild, HEARTBEAT_MS, type ToChild, type Work } from './messages.js';
import { countChild } from './memory-by-process.js';
import { MemoryWatch } from './memory-watch.js';

/** How long the server waits for a child. */
export interface ChildPatience {
  /** Loading, milliseconds. */
  readonly loadTimeoutMs: number;
  /** Silence once it has loaded, milliseconds: its event loop hangs then, and it is killed. */
  readonly silenceTimeoutMs: number;
  /** Running work at close, milliseconds; then it is killed. */
  readonly closeTimeoutMs: number;
}

export interface ChildOptions<W extends Work> extends ChildPatience {
  /** In errors: "the engine". */
  readonly name: string;
  /** Path of the module that runs in the child: it calls `serveParent`. */
  readonly main: string;
  readonly load: W['load'];
  /** Flags of Node for the child, added to our own. */
  readonly flags?: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptors to inherit; the child has them from `INHERITED_FILE` on. */
  readonly files?: readonly number[];
  /** Called with what it tells by itself. */
  readonly onTells?: (tells: W['tells']) => void;
  /** Priority of the child (see `os.setPriority`). Default: ours. */
  readonly priority?: number;
  /** Resident memory while it works, bytes; beyond that it is killed. Watched where the system tells (Linux). */
  readonly memoryMaxBytes?: number;
}

export interface RunOptions<W extends Work> {
  /** The request in errors: "decode". */
  readonly name: string;
  /** Time for the answer, milliseconds; then the child hangs and is killed. Default: as long as it lives. */
  readonly timeoutMs?: number;
  /** Nobody wants the answer any more: the request is rejected with its reason at once. */
  readonly signal?: AbortSignal;
  readonly onPart?: ((part: W['part']) => void) | undefined;
}

interface Pending<W extends Work> {
  readonly resolve: (answer: W['answer']) => void;
  readonly reject: (error: Error) => void;
  readonly timeout: NodeJS.Timeout | undefined;
  readonly onPart: ((part: W['part']) => void) | undefined;
}

/**
 * Children that live. They end with us: each notices that we are gone, but one that is busy loading, or gets no turn
 * on a machine that has too much to do, notices late, and whoever waits for all of us to end waits for it.
 */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/** A process that carries something heavy or dangerous. When it dies, everything that waits for it is rejected. */
export class NativeChild<W extends Work> {
  /** Settles when it has loaded. Rejects with ChildError `load_failed`, or with how the process died. */
  readonly loaded: Promise<W['facts']>;
  /** Resolves with how the process died, when it is gone. */
  readonly exited: Promise<Error>;
  readonly pid: number | undefined;
  readonly #process: ChildProcess;
  readonly #options: ChildOptions<W>;
  readonly #memory: MemoryWatch | undefined;
  readonly #pending = new Map<number, Pending<W>>();
  #lastId = 0;
  #settleLoad: Pick<Pending<W>, 'resolve' | 'reject'> | undefined;
  /** Why it was killed, where it was. */
  #killedFor: Error | undefined;
  #death: Error | undefined;
  #silentBeats = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: ChildOptions<W>) {
    const { name, main, flags = [], env, files = [], memoryMaxBytes } = options;
    this.#options = options;
    this.#process = fork(main, [], {
      serialization: 'advanced',
      // What the child prints goes to our standard error: our standard output may be data.
      stdio: ['ignore', 2, 2, 'ipc', ...files],
      execArgv: [...process.execArgv, ...flags],
      env: { ...process.env, ...env },
    });
    this.pid = this.#process.pid;
    living.add(this.#process);
    this.#prioritise();
    if (this.pid !== undefined && memoryMaxBytes !== undefined) {
      this.#memory = new MemoryWatch(this.pid, memoryMaxBytes, (bytes) =>
        this.kill(new ChildError('memory', `${name}'s process took ${Math.round(bytes / 2 ** 20)} MB of memory`)),
      );
    }
    this.exited = new Promise((resolve) => {
      const ended = (how: string): void =>
        resolve(this.#died(this.#killedFor ?? new ChildError('crashed', `${name}'s process ${how}`)));
      this.#process.once('exit', (code, signal) =>
        ended(signal ? `was killed by ${signal}` : `ended with code ${code}`),
      );
      this.#process.once('error', (error) => {
        if (this.pid === undefined) ended(`could not be started: ${error.message}`);
      });
    });
    if (this.pid !== undefined) countChild(this.pid, name.replace(/^the /, ''), this.exited);
    this.#process.on('message', (message: FromChild<W>) => this.#receive(message));
    this.loaded = this.#load();
    // Not everybody waits for it: those who do not, learn of it by their requests.
    this.loaded.catch(() => undefined);
  }

  /** How it died; undefined while it lives. */
  get death(): Error | undefined {
    return this.#death;
  }

  /**
   * The answer to a request. Rejects with RequestError where the child says so, with how the child died, or with the
   * reason of the signal.
   */
  async run(request: W['request'], { name, timeoutMs, signal, onPart }: RunOptions<W>): Promise<W['answer']> {
    if (this.#death !== undefined) throw this.#death;
    signal?.throwIfAborted();
    const id = ++this.#lastId;
    const leave = (): void => {
      this.#say({ type: 'abort', id });
      this.#settle(id)?.reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        const timeout = timeoutMs === undefined ? undefined : this.#overdue(name, timeoutMs);
        this.#pending.set(id, { resolve, reject, timeout, onPart });
        this.#memory?.work();
        this.#say({ type: 'run', id, request });
      });
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Tells it something that wants no answer; nothing where it is gone. */
  tell(told: W['told']): void {
    this.#say({ type: 'told', told });
  }

  /** Whether it keeps our process alive. */
  hold(isHeld: boolean): void {
    const how = isHeld ? 'ref' : 'unref';
    this.#process[how]();
    this.#process.channel?.[how]();
  }

  /** Ends the process, in order where there is time. */
  async close(): Promise<void> {
    this.#say({ type: 'close' });
    const overdue = setTimeout(
      () => this.kill(new ChildError('closed', `${this.#options.name} was closed`)),
      this.#options.closeTimeoutMs,
    );
    await this.exited;
    clearTimeout(overdue);
  }

  /** Ends the process at once; what waits is rejected with `reason`. */
  kill(reason: Error): void {
    this.#killedFor ??= reason;
    this.#process.kill('SIGKILL');
  }

  async #load(): Promise<W['facts']> {
    const timeout = this.#overdue('load', this.#options.loadTimeoutMs);
    try {
      const facts = await new Promise<W['facts']>((resolve, reject) => {
        this.#settleLoad = { resolve, reject };
        this.#say({ type: 'load', load: this.#options.load });
      });
      this.#watchHeartbeat();
      return facts;
    } finally {
      clearTimeout(timeout);
    }
  }

  #overdue(what: string, timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.kill(new ChildError('timeout', `${this.#options.name} did not answer ${what} within ${timeoutMs} ms`));
    }, timeoutMs);
  }

  /** As early as can be: threads that the child starts inherit it. */
  #prioritise(): void {
    const { priority } = this.#options;
    if (priority === undefined || this.pid === undefined) return;
    try {
      setPriority(this.pid, priority);
    } catch {
      // It is gone already, or the system has other rules: it works as it is.
    }
  }

  #say(message: ToChild<W>): void {
    // An error here means that the channel is closed: the process is dying, and its exit rejects what waits.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  #receive(message: FromChild<W>): void {
    this.#silentBeats = 0;
    switch (message.type) {
      case 'alive':
        return;
      case 'loaded':
        return this.#settleLoad?.resolve(message.facts);
      case 'loadFailed':
        return this.#settleLoad?.reject(new ChildError('load_failed', message.message));
      case 'part':
        return this.#pending.get(message.id)?.onPart?.(message.part);
      case 'tells':
        return this.#options.onTells?.(message.tells);
      case 'done':
        return this.#settle(message.id)?.resolve(message.answer);
      case 'failed':
        return this.#settle(message.id)?.reject(new RequestError(message.code, message.message));
    }
  }

  /** The request of an id, which waits no longer. */
  #settle(id: number): Pending<W> | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timeout);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#memory?.rest();
    return pending;
  }

  /**
   * Counts our own ticks rather than time: after a sleep or a block of this process, what the child has said meanwhile
   * is read first.
   */
  #watchHeartbeat(): void {
    const { name, silenceTimeoutMs } = this.#options;
    const beatsMax = Math.ceil(silenceTimeoutMs / HEARTBEAT_MS);
    if (this.#death !== undefined) return;
    this.#heartbeat = setInterval(() => {
      this.#silentBeats++;
      if (this.#silentBeats > beatsMax)
        this.kill(new ChildError('timeout', `${name}'s process was silent for ${this.#silentBeats} s`));
    }, HEARTBEAT_MS).unref();
  }

  #died(error: Error): Error {
    this.#death = error;
    living.delete(this.#process);
    clearInterval(this.#heartbeat);
    this.#settleLoad?.reject(error);
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(error);
    return error;
  }
}
