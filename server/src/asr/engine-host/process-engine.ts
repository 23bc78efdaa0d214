// An engine in a process of its own, brought back when it dies: a crash in native code does not take the sockets with
// it.
import { ChildError } from '../../native-host/errors.js';
import { NativeHost, type HostEvent, type RestartOptions } from '../../native-host/native-host.js';
import { onAbort } from '../../time/on-abort.js';
import type { DecodeRequest, DecodeResult, Engine, EngineModel } from '../engine.js';
import { EngineError } from '../errors.js';
import { AUDIO_ARENA_BYTES, AudioArena } from './audio-arena.js';
import { EngineChild, engineError, type EnginePatience } from './engine-child.js';
import type { EngineSpec } from './engine-spec.js';
import type { EngineFacts, EngineWork } from './engine-work.js';

export interface ProcessEngineOptions extends EnginePatience, RestartOptions {
  /**
   * How long a request waits for a process that is being brought back, milliseconds; then it is rejected
   * (`engine_unavailable`).
   */
  readonly unavailableAfterMs: number;
  /**
   * Memory shared with the process, for the audio of runs under way; 0: audio travels in messages, as it does where
   * memory cannot be shared.
   */
  readonly audioArenaBytes: number;
  /** Called when the process died and when it is back. */
  readonly onEvent?: (event: EngineProcessEvent) => void;
  /**
   * Nobody wants the engine any more: where it still loads, its process is killed, and the start rejected
   * (`engine_closed`). Once aborted, no process is started at all.
   */
  readonly signal?: AbortSignal;
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

/**
 * Same contract as the engine within it. A request that was running when the process died is rejected; its sender
 * decides whether to try again.
 */
export class ProcessEngine implements Engine {
  readonly model: EngineModel;
  readonly maxBatch: number;
  readonly samplesMax: number;
  readonly sharesTime: boolean;
  readonly runsInFlight: number;
  readonly #host: NativeHost<EngineWork, EngineChild>;
  readonly #unavailableAfterMs: number;
  readonly #arena: AudioArena | undefined;
  #isWarm = false;
  #closed: Promise<void> | undefined;

  private constructor(
    spec: EngineSpec,
    options: ProcessEngineOptions,
    arena: AudioArena | undefined,
    child: EngineChild,
    facts: EngineFacts,
  ) {
    this.#arena = arena;
    this.#unavailableAfterMs = options.unavailableAfterMs;
    this.model = facts.model;
    this.maxBatch = facts.maxBatch;
    this.samplesMax = facts.samplesMax ?? Infinity;
    this.sharesTime = facts.sharesTime === true;
    this.runsInFlight = facts.runsInFlight ?? 1;
    this.#host = new NativeHost<EngineWork, EngineChild>(
      {
        ...options,
        name: 'the engine',
        start: () => new EngineChild(spec, options, arena),
        prepare: async (next) => (this.#isWarm ? next.warmUp() : undefined),
        restart: 'at_once',
        onEvent: (event) => options.onEvent?.(processEvent(event)),
      },
      child,
    );
  }

  /**
   * Starts the process and loads the model. Rejects with EngineError, without a second try: a model that does not load
   * now will not load later.
   */
  static async start(spec: EngineSpec, options: Partial<ProcessEngineOptions> = {}): Promise<ProcessEngine> {
    const settings = { ...PROCESS_ENGINE_DEFAULTS, ...options };
    const { signal } = settings;
    const notWanted = new ChildError('closed', 'the engine is not wanted any more');
    if (signal?.aborted === true) throw engineError(notWanted);
    const arena = AudioArena.create(settings.audioArenaBytes);
    const child = new EngineChild(spec, settings, arena);
    const forget = onAbort(signal, () => child.kill(notWanted));
    try {
      return new ProcessEngine(spec, settings, arena, child, await child.loaded);
    } catch (error) {
      await child.close();
      arena?.close();
      throw engineError(error);
    } finally {
      forget();
    }
  }

  get isUp(): boolean {
    return this.#host.isUp;
  }

  /** Of the last process that was started; for tests and logs. */
  get pid(): number | undefined {
    return this.#host.pid;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return (await this.#available()).decode(batch);
  }

  /** Also warms every process that replaces this one, before it gets requests. */
  async warmUp(): Promise<void> {
    await (await this.#available()).warmUp();
    this.#isWarm = true;
  }

  async shrink(): Promise<void> {
    await (await this.#available()).shrink();
  }

  close(): Promise<void> {
    this.#closed ??= this.#host.close().then(() => this.#arena?.close());
    return this.#closed;
  }

  async #available(): Promise<EngineChild> {
    let overdue: NodeJS.Timeout | undefined;
    const unavailable = new Promise<never>((_, reject) => {
      const message = `the engine did not come back within ${this.#unavailableAfterMs} ms`;
      const error = new EngineError('engine_unavailable', message);
      overdue = setTimeout(() => reject(error), this.#unavailableAfterMs);
    });
    try {
      return await Promise.race([this.#host.child(), unavailable]);
    } catch (error) {
      throw engineError(error);
    } finally {
      clearTimeout(overdue);
    }
  }
}

function processEvent(event: HostEvent): EngineProcessEvent {
  if (event.type === 'loaded') return { type: 'restarted', pid: event.pid };
  return { type: 'died', reason: event.reason, restartInMs: event.type === 'died' ? event.restartInMs : 0 };
}
