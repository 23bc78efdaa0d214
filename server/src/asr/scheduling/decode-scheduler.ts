// What decodes windows for a recogniser: what it is given, what comes of it, how busy it is. The engines are in this
// process (scheduler.ts), or before another one (shared/remote-scheduler.ts).
import type { DecodeRequest, DecodeResult, EngineModel, Urgency } from '../engine.js';
import type { DecodeKind, SegmentKey } from './decode-queue.js';

/** A window to decode. */
export interface DecodeJob {
  readonly segment: SegmentKey;
  readonly kind: DecodeKind;
  /** Whether anybody waits for it now. Absent: yes. */
  readonly isAttended?: (() => boolean) | undefined;
  /** See QueuedDecode's `isAgain`. */
  readonly isAgain?: boolean;
  /** See QueuedDecode's `urgency`. */
  readonly urgency?: Urgency | undefined;
  /** By how much load has spaced a partial out from the one before it. Absent: it comes whatever the load is. */
  readonly spacing?: number | undefined;
  /** When it should be done, milliseconds from now. */
  readonly dueInMs: number;
  /** Length of the window's audio, samples. */
  readonly samples: number;
  /**
   * Called when the job's run begins, so that prompt and draft come from the newest hypothesis. A promise where that is
   * known in another process; undefined: its owner is gone, and it leaves the run, `cancelled`.
   */
  readonly request: () => DecodeRequest | Promise<DecodeRequest | undefined>;
  /** Called at the end of its run, by the scheduler's clock, milliseconds. */
  readonly onRun?: ((run: RunTiming) => void) | undefined;
}

/** How the run of a job went. */
export interface RunTiming {
  readonly queuedAt: number;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly windows: number;
  readonly hasFailed: boolean;
}

/** How a job ended. Only partials are superseded (a newer one of the segment came) or dropped (too many waited). */
export type DecodeOutcome =
  | { readonly status: 'decoded'; readonly result: DecodeResult }
  | { readonly status: 'superseded' | 'dropped' | 'cancelled' };

/** What the scheduler has done since its start, for metrics. */
export interface SchedulerCounts {
  readonly waiting: Readonly<Record<DecodeKind, number>>;
  readonly running: number;
  readonly decoded: number;
  readonly runs: number;
  readonly superseded: number;
  readonly dropped: number;
  readonly refused: number;
  readonly retried: number;
  readonly failed: number;
  /** Time that engines spent in runs, milliseconds, added up. */
  readonly busyMs: number;
}

/** Where windows wait for engines. */
export interface DecodeScheduler {
  readonly model: EngineModel;
  /** See Engine: of all engines. */
  readonly sharesTime: boolean;
  /** By how much sessions should stretch their partial interval now. */
  readonly stretch: number;
  /** Share of the engines' time that is asked for. */
  readonly load: number;
  /** By how much the finals that somebody waits for are late, milliseconds; 0 where none is. */
  readonly lateMs: number;
  /** Whether any engine could run something. */
  readonly isUp: boolean;
  readonly counts: SchedulerCounts;
  /**
   * Has a window decoded. Rejects with AsrError: `overloaded` at the bound of finals or files, `recognition_failed`
   * when the window is too long or its run failed twice, `shutting_down` after close.
   */
  submit(job: DecodeJob): Promise<DecodeOutcome>;
  /** Forgets what waits for a segment. A run under way goes on; its outcome still arrives. */
  cancel(segment: SegmentKey): void;
  /** Makes runs smaller, or as large as they were, where memory is short: this part of their ordinary size. */
  limitRuns(share: number): void;
  /** Refuses new jobs, fails the waiting ones (`shutting_down`), waits for the runs under way. May be called twice. */
  close(): Promise<void>;
}
