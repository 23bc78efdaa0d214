// What a server has of the others where it is one of several processes behind one port, before one set of engines.
import type { InstalledModel } from '@sotto/models';
import type { PeerQuestion, Peers } from '../api/peers.js';
import type { EngineState } from '../api/status/health.js';
import type { DecodeScheduler } from '../asr/scheduling/decode-scheduler.js';
import { SwapError, type ModelChoice } from '../asr/model-swap.js';

export interface SharedServer {
  /** Which of the processes it is, from 1. */
  readonly number: number;
  /** How many there are to be, and how many there are. */
  readonly processes: { readonly count: number; readonly up: number };
  /** What all of them serve. */
  readonly model: InstalledModel;
  /** Empty until they are loaded. */
  readonly engines: readonly EngineState[];
  /** Whether the process that has the queue is full. */
  readonly isFull: boolean;
  /** Whether no further stream is to begin, at any of them. */
  isPaused: boolean;
  /** Resolves when the engines are warm; rejects with the signal's reason. */
  scheduler(signal: AbortSignal): Promise<DecodeScheduler>;
  /** The numbers of all of them, as Prometheus reads them. */
  metrics(): Promise<string>;
  /** The others. */
  readonly peers: Peers;
  /** Answers what they ask, from now on. */
  answerWith(answer: (question: PeerQuestion) => unknown): void;
}

/** In the place of ModelSwap: the engines are another process's. */
export function fixedModel(shared: Pick<SharedServer, 'model'>, installed: () => Promise<string[]>): ModelChoice {
  return {
    current: { installed: shared.model },
    state: { loading: null, leaving: 0, failed: null },
    installed,
    to: (name) =>
      Promise.reject(
        new SwapError(
          'swap_unavailable',
          `A server of several processes keeps its model: start it anew with --model ${name}.`,
        ),
      ),
  };
}
