// One run of an engine's process, seen from the server: start, requests, death.
import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DecodeRequest, DecodeResult } from '../engine.js';
import { EngineError, type EngineErrorCode } from '../errors.js';
import type { AudioArena } from './audio-arena.js';
import { type EngineFacts, type FromEngine, HEARTBEAT_MS, type ToEngine } from './engine-messages.js';
import type { EngineSpec } from './engine-spec.js';

/** How long the server waits for an engine's process. */
export interface EnginePatience {
  /** Loading the model, and each warm-up, milliseconds. */
  readonly loadTimeoutMs: number;
  /** Each window of a run, milliseconds; a process that takes longer hangs and is killed. */
  readonly decodeTimeoutMs: number;
  /** Silence of the process once it is loaded, milliseconds; its event loop hangs then, and it is killed. */
  readonly silenceTimeoutMs: number;
  /** Running work at close, milliseconds; then the process is killed. */
  readonly closeTimeoutMs: number;
}

interface Pending {
  readonly resolve: (answer: FromEngine) => void;
  readonly reject: (error: EngineError) => void;
  readonly timeout: NodeJS.Timeout;
}

const MAIN = fileURLToPath(new URL(`./engine-child-main${extname(import.meta.url)}`, import.meta.url));

/** A process that carries an engine. When it dies, everything that waits for it is rejected. */
export class EngineChild {
  /** Settles when the model is loaded. Rejects with EngineError `engine_load_failed`, or with how the process died. */
  readonly loaded: Promise<EngineFacts>;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  readonly pid: number | undefined;
  readonly #process: ChildProcess;
  readonly #patience: EnginePatience;
  /** Where its audio goes; undefined where audio comes along in messages. */
  #arena: AudioArena | undefined;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Why it was killed, where it was. */
  #killedFor: EngineError | undefined;
  #death: EngineError | undefined;
  #silentBeats = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  /** @param arena for the windows of its runs, and of no other living process's */
  constructor(spec: EngineSpec, patience: EnginePatience, arena?: AudioArena) {
    this.#patience = patience;
    // What the child prints goes to our standard error: our standard output may be data.
    this.#process = fork(MAIN, [], {
      serialization: 'advanced',
      stdio: ['ignore', 2, 2, 'ipc', ...(arena ? [arena.file] : [])], // The last one is its ARENA_FILE.
      // Native calls are made by libuv's threads.
      env: spec.isSingleThreaded ? { ...process.env, UV_THREADPOOL_SIZE: '1' } : process.env,
    });
    this.pid = this.#process.pid;
    this.exited = new Promise((resolve) => {
      const ended = (how: string) => {
        this.#died(this.#killedFor ?? new EngineError('engine_crashed', `the engine's process ${how}`));
        resolve();
      };
      this.#process.once('exit', (code, signal) =>
        ended(signal ? `was killed by ${signal}` : `ended with code ${code}`),
      );
      this.#process.once('error', (error) => {
        if (this.pid === undefined) ended(`could not be started: ${error.message}`);
      });
    });
    const load = { type: 'load', spec, arenaBytes: arena?.bytes ?? 0 } as const;
    this.loaded = this.#ask(0, load, patience.loadTimeoutMs).then((answer) => {
      if (answer.type === 'loadFailed') throw new EngineError('engine_load_failed', answer.message);
      if (answer.type !== 'loaded')
        throw new EngineError('engine_failed', `the engine's process answered ${answer.type} to load`);
      if (answer.seesArena) this.#arena = arena;
      this.#watchHeartbeat();
      return answer;
    });
    this.#process.on('message', (message: FromEngine) => this.#receive(message));
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    const id = this.#nextId();
    const sent = this.#arena?.place(batch);
    try {
      const message = { type: 'decode', id, batch: sent?.batch ?? batch } as const;
      const answer = await this.#ask(id, message, this.#patience.decodeTimeoutMs * batch.length);
      if (answer.type !== 'decoded')
        throw new EngineError('engine_failed', `the engine's process answered ${answer.type} to decode`);
      return [...answer.results];
    } finally {
      // It has answered, or it is gone.
      sent?.release();
    }
  }

  async warmUp(): Promise<void> {
    const id = this.#nextId();
    await this.#ask(id, { type: 'warmUp', id }, this.#patience.loadTimeoutMs);
  }

  /** How it died; undefined while it lives. */
  get death(): EngineError | undefined {
    return this.#death;
  }

  /** Ends running work, then the process. */
  async close(): Promise<void> {
    if (this.#process.connected) this.#process.send({ type: 'close' } satisfies ToEngine, () => undefined);
    const overdue = setTimeout(
      () => this.kill(new EngineError('engine_closed', 'the engine was closed')),
      this.#patience.closeTimeoutMs,
    );
    await this.exited;
    clearTimeout(overdue);
  }

  /** Ends the process at once; what waits is rejected with `reason`. */
  kill(reason: EngineError): void {
    this.#killedFor ??= reason;
    this.#process.kill('SIGKILL');
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #ask(id: number, message: ToEngine, timeoutMs: number): Promise<FromEngine> {
    return new Promise((resolve, reject) => {
      if (this.#death) {
        reject(this.#death);
        return;
      }
      const timeout = setTimeout(
        () =>
          this.kill(
            new EngineError('engine_timeout', `the engine did not answer ${message.type} within ${timeoutMs} ms`),
          ),
        timeoutMs,
      );
      this.#pending.set(id, { resolve, reject, timeout });
      // An error here means that the channel is closed: the process is dying, and its exit rejects what waits.
      this.#process.send(message, () => undefined);
    });
  }

  #receive(message: FromEngine): void {
    this.#silentBeats = 0;
    if (message.type === 'alive') return;
    const id = 'id' in message ? message.id : 0;
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timeout);
    if (message.type === 'failed')
      pending.reject(new EngineError(message.code satisfies EngineErrorCode, message.message));
    else pending.resolve(message);
  }

  /** Counts our own ticks rather than time: after a sleep or a block of this process, what the child has said meanwhile is read first. */
  #watchHeartbeat(): void {
    const beatsMax = Math.ceil(this.#patience.silenceTimeoutMs / HEARTBEAT_MS);
    this.#heartbeat = setInterval(() => {
      this.#silentBeats += 1;
      if (this.#silentBeats > beatsMax)
        this.kill(new EngineError('engine_timeout', `the engine's process was silent for ${this.#silentBeats} s`));
    }, HEARTBEAT_MS).unref();
  }

  #died(error: EngineError): void {
    this.#death = error;
    clearInterval(this.#heartbeat);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timeout);
      pending.reject(error);
    }
    this.#pending.clear();
  }
}
