// The way from a server process to its supervisor: to the queue before the engines, and to the other processes.
import type { InstalledModel } from '@sotto/models';
import { INHERITED_FILE } from '../native-host/messages.js';
import { memoryByProcess } from '../native-host/memory-by-process.js';
import { peersBy, type PeerQuestion } from '../api/peers.js';
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
/** How long the others' answers are waited for, milliseconds. */
const ANSWERS_MS_MAX = 3_000;
/** How often it looks who has come back or gone, milliseconds. */
const ATTENDANCE_EVERY_MS = 100;

export class ProcessLink implements SharedServer {
  readonly number: number;
  readonly model: InstalledModel;
  readonly peers = peersBy((question) => this.#askOthers(question));
  readonly #tell: (tells: ToSupervisor) => void;
  readonly #arena: AudioArena | undefined;
  readonly #scheduler: Promise<RemoteScheduler>;
  #onScheduler: ((scheduler: RemoteScheduler) => void) | undefined;
  #status: SharedStatus;
  #joined: RemoteScheduler | undefined;
  /** Questions of this process that wait for the others. */
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #answer: ((question: PeerQuestion) => unknown) | undefined;
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

  async metrics(): Promise<string> {
    const text = await this.#asked((id) => this.#tell({ type: 'metrics', id }));
    if (typeof text === 'string') return text;
    throw new HttpError(503, 'metrics_unavailable', 'The process that has the numbers of all does not answer.');
  }

  answerWith(answer: (question: PeerQuestion) => unknown): void {
    this.#answer = answer;
  }

  /** The answer to what another process asks; undefined where there is none yet. */
  answer(question: PeerQuestion): unknown {
    return this.#answer?.(question);
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
        return this.#waiting.get(told.id)?.(told.text);
      case 'answers':
        return this.#waiting.get(told.id)?.(told.answers);
      case 'shrink':
        return shrinkDecoders();
    }
  }

  async #askOthers(question: PeerQuestion): Promise<readonly unknown[]> {
    const answers = await this.#asked((id) => this.#tell({ type: 'question', id, question }));
    return Array.isArray(answers) ? answers : [];
  }

  /** What comes of a question; undefined where nothing comes in time. */
  async #asked(ask: (id: number) => void): Promise<unknown> {
    const id = ++this.#lastId;
    const told = new Promise<unknown>((resolve) => this.#waiting.set(id, resolve));
    ask(id);
    try {
      return await within(ANSWERS_MS_MAX, told, undefined);
    } finally {
      this.#waiting.delete(id);
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
