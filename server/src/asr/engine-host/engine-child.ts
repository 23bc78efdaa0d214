// One run of an engine's process, seen from the server.
import { messageOf } from '@sotto/protocol';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildError, type ChildErrorCode, RequestError } from '../../native-host/errors.js';
import { type ChildPatience, NativeChild } from '../../native-host/native-child.js';
import type { DecodeRequest, DecodeResult } from '../engine.js';
import { EngineError, type EngineErrorCode } from '../errors.js';
import type { AudioArena } from './audio-arena.js';
import type { EngineSpec } from './engine-spec.js';
import type { EngineFacts, EngineWork } from './engine-work.js';

/** How long the server waits for an engine's process; `loadTimeoutMs` holds for each warm-up too. */
export interface EnginePatience extends ChildPatience {
  /** Each window of a run, milliseconds; a process that takes longer hangs and is killed. */
  readonly decodeTimeoutMs: number;
}

const MAIN = fileURLToPath(new URL(`./engine-child-main${extname(import.meta.url)}`, import.meta.url));

const CODES = {
  load_failed: 'engine_load_failed',
  crashed: 'engine_crashed',
  timeout: 'engine_timeout',
  memory: 'engine_crashed',
  closed: 'engine_closed',
} as const satisfies Record<ChildErrorCode, EngineErrorCode>;

/** A process that carries an engine. */
export class EngineChild extends NativeChild<EngineWork> {
  readonly #patience: EnginePatience;
  /** Where its audio goes; undefined where audio comes along in messages. */
  #arena: AudioArena | undefined;

  /** @param arena for the windows of its runs, and of no other living process's */
  constructor(spec: EngineSpec, patience: EnginePatience, arena?: AudioArena) {
    super({
      ...patience,
      name: 'the engine',
      main: MAIN,
      load: { spec, arenaBytes: arena?.bytes ?? 0 },
      files: arena ? [arena.file] : [],
      // Native calls are made by libuv's threads.
      env: spec.isSingleThreaded ? { UV_THREADPOOL_SIZE: '1' } : {},
    });
    this.#patience = patience;
    void this.loaded.then(
      ({ seesArena }: EngineFacts) => (this.#arena = seesArena ? arena : undefined),
      () => undefined,
    );
  }

  /** Rejects with EngineError. */
  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    const sent = this.death === undefined ? this.#arena?.place(batch) : undefined;
    const timeoutMs = this.#patience.decodeTimeoutMs * batch.length;
    try {
      return [...(await this.run(sent?.batch ?? batch, { name: 'decode', timeoutMs }))];
    } catch (error) {
      throw engineError(error);
    } finally {
      // It has answered, or it is gone.
      sent?.release();
    }
  }

  /** Rejects with EngineError. */
  async warmUp(): Promise<void> {
    await this.#tell('warmUp');
  }

  /** Rejects with EngineError. */
  async shrink(): Promise<void> {
    await this.#tell('shrink');
  }

  async #tell(request: 'warmUp' | 'shrink'): Promise<void> {
    const { loadTimeoutMs: timeoutMs } = this.#patience;
    await this.run(request, { name: request, timeoutMs }).catch((error: unknown) => {
      throw engineError(error);
    });
  }
}

/** What a child's error is for those who ask an engine. */
export function engineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (error instanceof ChildError) return new EngineError(CODES[error.code], error.message, { cause: error });
  const code = error instanceof RequestError ? (error.code as EngineErrorCode) : 'engine_failed';
  return new EngineError(code, messageOf(error));
}
