// What server processes that share a scheduler say to it, and it to them.
import type { SentRequest } from '../../engine-host/engine-work.js';
import type { AsrErrorCode } from '../../errors.js';
import type { DecodeJob, DecodeOutcome, DecodeScheduler, RunTiming } from '../decode-scheduler.js';

/** A {@link DecodeJob} as data; what it would call is asked for, or told, by its number. */
export interface SentJob extends Pick<DecodeJob, 'kind' | 'isAgain' | 'urgency' | 'spacing' | 'dueInMs' | 'samples'> {
  /** Of its process, never used again. */
  readonly id: number;
  /** Number of its segment in its process. */
  readonly segment: number;
  readonly isAttended: boolean;
}

/** How its run went: times as milliseconds before it was told, since processes have clocks of their own. */
export interface RunAges extends Pick<RunTiming, 'windows' | 'hasFailed'> {
  readonly queued: number;
  readonly began: number;
  readonly ended: number;
}

/** Why a job came to nothing; what AsrError is made of. */
export interface SentFailure {
  readonly status: 'failed';
  readonly code: AsrErrorCode;
  readonly message: string;
}

export type ToScheduler =
  | { readonly type: 'submit'; readonly job: SentJob }
  | { readonly type: 'cancel'; readonly segment: number }
  | { readonly type: 'attended'; readonly id: number; readonly isAttended: boolean }
  /** The answer to `ask`; undefined where nobody wants the job any more. */
  | {
      readonly type: 'request';
      readonly id: number;
      readonly attempt: number;
      readonly request: SentRequest | undefined;
    };

export type FromScheduler =
  /**
   * A run begins: what is its engine to be asked? `attempt` comes back, so that no late answer is taken for another.
   */
  | { readonly type: 'ask'; readonly id: number; readonly attempt: number }
  | {
      readonly type: 'settled';
      readonly id: number;
      readonly outcome: DecodeOutcome | SentFailure;
      readonly run?: RunAges | undefined;
    }
  /** A run failed, and the job will have another one. */
  | { readonly type: 'ran'; readonly id: number; readonly run: RunAges }
  | { readonly type: 'state'; readonly state: SchedulerState };

/** How the scheduler is; see DecodeScheduler. */
export type SchedulerState = Pick<DecodeScheduler, 'stretch' | 'load' | 'lateMs' | 'isUp' | 'counts'>;

/** What does not change. */
export type SchedulerFacts = Pick<DecodeScheduler, 'model' | 'sharesTime'>;
