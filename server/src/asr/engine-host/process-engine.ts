// An engine in a process of its own, brought back when it dies: a crash in native code does not take the sockets with it.
import { setTimeout as delay } from 'node:timers/promises';
import type { DecodeRequest, DecodeResult, Engine, EngineModel } from '../engine.js';
import { EngineError, messageOf } from '../errors.js';
import { AUDIO_ARENA_BYTES, AudioArena } from './audio-arena.js';
import { EngineChild, type EnginePatience } from './engine-child.js';
import type { EngineFacts } from './engine-messages.js';
import type { EngineSpec } from './engine-spec.js';

export interface ProcessEngineOptions extends EnginePatience {
  /** Wait before the first restart, milliseconds; doubled at each further one. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A process that lived this long, milliseconds, was healthy: the wait begins at its minimum again. */
  readonly healthyAfterMs: number;
  /** How long a request waits for a process that is being brought back, milliseconds; then it is rejected (`engine_unavailable`). */
  readonly unavailableAfterMs: number;
  /** Memory shared with the process, for the audio of runs under way; 0: audio travels in messages, as it does where memory cannot be shared. */
  readonly audioArenaBytes: number;
  /** Called when the process died and when it is back. */
  readonly onEvent?: (event: EngineProcessEvent) => void;
}

export type EngineProcessEvent =
  | { readonly type: 'died'; readonly reason: string; readonly restartInMs: number }
  | { readonly type: 'restarted'; readonly pid: number | undefined };

export const PROCESS_ENGINE_DEFAULTS = {
  loadTimeoutMs: 180_000,
  decodeTimeoutMs: 60_000,
  silenceTimeoutMs: 15_000,
  closeTimeoutMs: 10_000,
  backoffMinMs: 100,
  backoffMaxMs: 10_000,
  healthyAfterMs: 30_000,
  unavailableAfterMs: 15_000,
  audioArenaBytes: AUDIO_ARENA_BYTES,
} as const satisfies ProcessEngineOptions;

/** Same contract as the engine within it. A request that was running when the process died is rejected; whoever sent it decides whether to try again. */
export class ProcessEngine implements Engine {
  readonly model: EngineModel;
  readonly maxBatch: number;
  readonly sharesTime: boolean;
  readonly runsInFlight: number;
  readonly #spec: EngineSpec;
  readonly #options: ProcessEngineOptions;
  readonly #arena: AudioArena | undefined;
  readonly #closing = new AbortController();
  /** The process to use; pending while one is being brought back. */
  #child: Promise<EngineChild>;
  #pid: number | undefined;
  #isWarm = false;
  #isUp = true;
  /** Deaths since the last healthy process. */
  #deaths = 0;
  #closed: Promise<void> | undefined;

  private constructor(
    spec: EngineSpec,
    options: ProcessEngineOptions,
    arena: AudioArena | undefined,
    child: EngineChild,
    facts: EngineFacts,
  ) {
    this.#spec = spec;
    this.#options = options;
    this.#arena = arena;
    this.model = facts.model;
    this.maxBatch = facts.maxBatch;
    this.sharesTime = facts.sharesTime === true;
    this.runsInFlight = facts.runsInFlight ?? 1;
    this.#child = Promise.resolve(this.#inUse(child));
  }

  /** Starts the process and loads the model. Rejects with EngineError, without a second try: a model that does not load now will not load later. */
  static async start(spec: EngineSpec, options: Partial<ProcessEngineOptions> = {}): Promise<ProcessEngine> {
    const settings = { ...PROCESS_ENGINE_DEFAULTS, ...options };
    const arena = AudioArena.create(settings.audioArenaBytes);
    const child = new EngineChild(spec, settings, arena);
    try {
      return new ProcessEngine(spec, settings, arena, child, await child.loaded);
    } catch (error) {
      await child.close();
      arena?.close();
      throw error;
    }
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Of the process in use; for tests and logs. */
  get pid(): number | undefined {
    return this.#pid;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return (await this.#available()).decode(batch);
  }

  /** Also warms every process that replaces this one, before it gets requests. */
  async warmUp(): Promise<void> {
    await (await this.#available()).warmUp();
    this.#isWarm = true;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    // A process that was being brought back has been ended by whoever was bringing it.
    const child = await this.#child.catch(() => undefined);
    await child?.close();
    this.#arena?.close();
  }

  async #available(): Promise<EngineChild> {
    if (this.#closing.signal.aborted) throw new EngineError('engine_closed', 'the engine is closed');
    const { unavailableAfterMs } = this.#options;
    let overdue: NodeJS.Timeout | undefined;
    const unavailable = new Promise<never>((_, reject) => {
      const error = new EngineError(
        'engine_unavailable',
        `the engine did not come back within ${unavailableAfterMs} ms`,
      );
      overdue = setTimeout(() => reject(error), unavailableAfterMs);
    });
    try {
      return await Promise.race([this.#child, unavailable]);
    } finally {
      clearTimeout(overdue);
    }
  }

  /** Takes a loaded process into use, and has it replaced when it dies. */
  #inUse(child: EngineChild): EngineChild {
    this.#pid = child.pid;
    this.#isUp = true;
    void this.#replaceAfter(child, performance.now());
    return child;
  }

  async #replaceAfter(child: EngineChild, startedAt: number): Promise<void> {
    await child.exited;
    this.#isUp = false;
    if (this.#closing.signal.aborted) return;
    if (performance.now() - startedAt >= this.#options.healthyAfterMs) this.#deaths = 0;
    this.#child = this.#bringBack(child.death?.message ?? 'it ended');
    // Nobody may be waiting: then nobody needs to hear that the engine was closed meanwhile.
    this.#child.catch(() => undefined);
  }

  async #bringBack(reason: string): Promise<EngineChild> {
    for (let why = reason; ;) {
      const waitMs = Math.min(this.#options.backoffMaxMs, this.#options.backoffMinMs * 2 ** this.#deaths);
      this.#deaths += 1;
      this.#options.onEvent?.({ type: 'died', reason: why, restartInMs: waitMs });
      await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      if (this.#closing.signal.aborted) throw new EngineError('engine_closed', 'the engine is closed');
      const child = new EngineChild(this.#spec, this.#options, this.#arena);
      const abandon = () => child.kill(new EngineError('engine_closed', 'the engine is closed'));
      this.#closing.signal.addEventListener('abort', abandon, { once: true });
      try {
        await child.loaded;
        if (this.#isWarm) await child.warmUp();
        this.#options.onEvent?.({ type: 'restarted', pid: child.pid });
        return this.#inUse(child);
      } catch (error) {
        why = messageOf(error);
        abandon();
        await child.exited;
        if (this.#closing.signal.aborted)
          throw new EngineError('engine_closed', 'the engine is closed', { cause: error });
      } finally {
        this.#closing.signal.removeEventListener('abort', abandon);
      }
    }
  }
}
