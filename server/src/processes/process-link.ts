// The way from a server process to its supervisor: to the queue before the engines, and to the other processes.
import type { InstalledModel } from '@sotto/models';
import { INHERITED_FILE } from '../native-host/messages.js';
import { memoryByProcess } from '../native-host/memory-by-process.js';
import type { EngineState } from '../api/status/health.js';
import { AudioArena } from '../asr/engine-host/audio-arena.js';
import type { DecodeScheduler } from '../asr/scheduling/decode-scheduler.js';
import { RemoteScheduler } from '../asr/scheduling/shared/remote-scheduler.js';
import { shrinkDecoders } from '../audio/decoder/decode-in-process.js';
import { HttpError } from '../http/http-error.js';
import type { SharedServer } from '../main/shared-server.js';
import { systemClock } from '../time/clock.js';
import { within } from '../time/within.js';
import { unlessAborted } from '../time/on-abort.js';
import type { ServerProcessWork, SharedStatus, ToServerProcess, ToSupervisor } from './process-work.js';

/** How often it tells what it holds, milliseconds. */
const MEMORY_EVERY_MS = 1_000;
/** How long the numbers of all are waited for, milliseconds. */
const METRICS_MS_MAX = 3_000;
/** How often it looks who has come back or gone, milliseconds. */
const ATTENDANCE_EVERY_MS = 100;

export class ProcessLink implements SharedServer {
  readonly number: number;
  readonly model: InstalledModel;
  readonly #tell: (tells: ToSupervisor) => void;
  readonly #arena: AudioArena | undefined;
  readonly #scheduler: Promise<RemoteScheduler>;
  #onScheduler: ((scheduler: RemoteScheduler) => void) | undefined;
  #status: SharedStatus;
  #joined: RemoteScheduler | undefined;
  readonly #metricsWaiting = new Map<number, (text: string) => void>();
  #lastId = 0;

  constructor({ number, model, status, arenaBytes }: ServerProcessWork['load'], tell: (tells: ToSupervisor) => void) {
    this.number = number;
    this.model = model;
    this.#status = status;
    this.#arena = AudioArena.inherit(INHERITED_FILE, arenaBytes);
    this.#tell = tell;
    this.#scheduler = new Promise((resolve) => (this.#onScheduler = resolve));
    systemClock.every(MEMORY_EVERY_MS, () => {
      const held = [...memoryByProcess()].filter(([name]) => name !== 'server');
      tell({ type: 'memory', held });
    });
    systemClock.every(ATTENDANCE_EVERY_MS, () => this.#joined?.tellAttendance());
  }

  get processes(): SharedStatus['processes'] {
    return this.#status.processes;
  }

  get engines(): readonly EngineState[] {
    return this.#status.engines;
  }

  get isFull(): boolean {
    return this.#status.isFull;
  }

  get isPaused(): boolean {
    return this.#status.isPaused;
  }

  set isPaused(isPaused: boolean) {
    // Here at once, elsewhere when the supervisor has told.
    this.#status = { ...this.#status, isPaused };
    this.#tell({ type: 'pause', isPaused });
  }

  scheduler(signal: AbortSignal): Promise<DecodeScheduler> {
    return unlessAborted(this.#scheduler, signal);
  }

  metrics(): Promise<string> {
    const id = ++this.#lastId;
    this.#tell({ type: 'metrics', id });
    const told = new Promise<string>((resolve) => this.#metricsWaiting.set(id, resolve));
    return within(METRICS_MS_MAX, told, undefined).then((text) => {
      this.#metricsWaiting.delete(id);
      if (text !== undefined) return text;
      throw new HttpError(503, 'metrics_unavailable', 'The process that has the numbers of all does not answer.');
    });
  }

  /** Takes what the supervisor says. */
  receive(told: ToServerProcess): void {
    switch (told.type) {
      case 'decodes':
        return this.#joined?.receive(told.messages);
      case 'scheduler':
        return this.#join(told);
      case 'status':
        this.#status = told.status;
        return;
      case 'metrics':
        return this.#metricsWaiting.get(told.id)?.(told.text);
      case 'shrink':
        return shrinkDecoders();
    }
  }

  #join({ facts, state }: Extract<ToServerProcess, { type: 'scheduler' }>): void {
    this.#joined = new RemoteScheduler({
      facts,
      state,
      arena: this.#arena,
      send: (messages) => this.#tell({ type: 'decodes', messages }),
    });
    this.#onScheduler?.(this.#joined);
  }
}
