// What the supervisor and a server process say to each other.
import type { InstalledModel } from '@sotto/models';
import type { PeerQuestion } from '../api/peers.js';
import type { EngineState } from '../api/status/health.js';
import type { FromScheduler, SchedulerFacts, SchedulerState, ToScheduler } from '../asr/scheduling/shared/messages.js';
import type { Settings } from '../config/settings.js';

export interface ServerProcessWork {
  readonly load: {
    /** Its own: the port is known. */
    readonly settings: Settings;
    readonly model: InstalledModel;
    /** Which process it is, from 1. */
    readonly number: number;
    readonly status: SharedStatus;
    /** 0 where there is no arena. */
    readonly arenaBytes: number;
  };
  readonly facts: { readonly url: string };
  /**
   * `drain` is answered when its sessions have ended; `metrics` with its numbers, as Prometheus reads them; a question
   * of another process with what that is answered with.
   */
  readonly request: 'drain' | 'metrics' | PeerQuestion;
  readonly answer: unknown;
  readonly part: never;
  readonly told: ToServerProcess;
  readonly tells: ToSupervisor;
  readonly code: 'request_failed';
}

/** What all of them know of the others. */
export interface SharedStatus {
  readonly processes: { readonly count: number; readonly up: number };
  readonly engines: readonly EngineState[];
  /** Whether the supervisor's thread, which has the queue, is full. */
  readonly isFull: boolean;
  /** Whether no further stream is to begin. */
  readonly isPaused: boolean;
}

export type ToServerProcess =
  /** The engines are warm. */
  | { readonly type: 'scheduler'; readonly facts: SchedulerFacts; readonly state: SchedulerState }
  | { readonly type: 'decodes'; readonly messages: readonly FromScheduler[] }
  | { readonly type: 'status'; readonly status: SharedStatus }
  /** The numbers of all of them. */
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** What the others say to a question; of those that answer in time. */
  | { readonly type: 'answers'; readonly id: number; readonly answers: readonly unknown[] }
  /** Memory is short. */
  | { readonly type: 'shrink' };

export type ToSupervisor =
  | { readonly type: 'decodes'; readonly messages: readonly ToScheduler[] }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'question'; readonly id: number; readonly question: PeerQuestion }
  | { readonly type: 'pause'; readonly isPaused: boolean }
  /** An operator asks the server to end. */
  | { readonly type: 'stop' }
  /** Memory of its children by their names, bytes. */
  | { readonly type: 'memory'; readonly held: readonly (readonly [string, number])[] };
