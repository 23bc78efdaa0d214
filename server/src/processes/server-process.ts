// One run of a server process, seen from the supervisor: a member of the hub as long as it lives.
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AudioArena } from '../asr/engine-host/audio-arena.js';
import type { HubMember, SchedulerHub } from '../asr/scheduling/shared/scheduler-hub.js';
import { NativeChild } from '../native-host/native-child.js';
import { within } from '../time/within.js';
import type { ServerProcessWork, ToSupervisor } from './process-work.js';

const MAIN = fileURLToPath(new URL(`./server-process-main${extname(import.meta.url)}`, import.meta.url));

/** It waits for the engines, which have bounds of their own. */
const LOAD_TIMEOUT_MS = 3_600_000;
const SILENCE_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** How long the answer of a process to another one is waited for, milliseconds. */
const ANSWER_MS_MAX = 1_000;

/** What it tells that is neither for the scheduler nor of itself. */
export type Asked = Exclude<ToSupervisor, { type: 'decodes' | 'memory' }>;

export interface ServerProcessOptions {
  readonly load: Omit<ServerProcessWork['load'], 'arenaBytes'>;
  /** Where it places audio, and of no other living process; undefined where processes share no memory. */
  readonly arena: AudioArena | undefined;
  readonly onTells: (tells: Asked, from: ServerProcess) => void;
}

export class ServerProcess extends NativeChild<ServerProcessWork> {
  readonly number: number;
  /** Of its children, as it told last. */
  held: readonly (readonly [string, number])[] = [];
  readonly #arena: AudioArena | undefined;
  #member: HubMember | undefined;

  constructor({ load, arena, onTells }: ServerProcessOptions) {
    super({
      name: 'the server',
      main: MAIN,
      load: { ...load, arenaBytes: arena?.bytes ?? 0 },
      files: arena ? [arena.file] : [],
      loadTimeoutMs: LOAD_TIMEOUT_MS,
      silenceTimeoutMs: SILENCE_TIMEOUT_MS,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      onTells: (tells) => {
        if (tells.type === 'decodes') this.#member?.receive(tells.messages);
        else if (tells.type === 'memory') this.held = tells.held;
        else onTells(tells, this);
      },
    });
    this.number = load.number;
    this.#arena = arena;
    void this.#leaveAtEnd();
  }

  /** Its windows wait there from now on. */
  join(hub: SchedulerHub): void {
    if (this.death !== undefined) return;
    this.#member = hub.join((messages) => this.tell({ type: 'decodes', messages }), this.#arena?.samples);
    this.tell({ type: 'scheduler', ...hub.introduction });
  }

  async #leaveAtEnd(): Promise<void> {
    await this.exited;
    this.held = [];
    this.#member?.leave();
  }

  /** Resolves when its sessions have ended, or it has. */
  async drain(): Promise<void> {
    await this.run('drain', { name: 'drain' }).catch(() => undefined);
  }

  /** Undefined where it does not tell in time. */
  async metrics(): Promise<string | undefined> {
    const text = await this.ask('metrics');
    return typeof text === 'string' ? text : undefined;
  }

  /** Undefined where it does not answer in time. */
  ask(request: Exclude<ServerProcessWork['request'], 'drain'>): Promise<unknown> {
    const told = this.run(request, { name: 'a question' }).catch(() => undefined);
    return within(ANSWER_MS_MAX, told, undefined);
  }
}
