// The scheduler of another process: jobs go there as data, and what is asked of an engine when it is asked for.
import { messageOf } from '@sotto/protocol';
import { systemClock, type Clock } from '../../../time/clock.js';
import type { DecodeRequest, EngineModel } from '../../engine.js';
import type { AudioArena, PlacedBatch } from '../../engine-host/audio-arena.js';
import type { SentRequest } from '../../engine-host/engine-work.js';
import { AsrError } from '../../errors.js';
import type { SegmentKey } from '../decode-queue.js';
import type { DecodeJob, DecodeOutcome, DecodeScheduler, RunTiming, SchedulerCounts } from '../decode-scheduler.js';
import { GatheredMessages } from './gathered-messages.js';
import type { FromScheduler, RunAges, SchedulerFacts, SchedulerState, ToScheduler } from './messages.js';

/** Jobs of this process that may be under way there: the scheduler's own bounds come first where it answers. */
const JOBS_MAX = 8_192;

export interface RemoteSchedulerOptions {
  readonly facts: SchedulerFacts;
  /** How it is at first. */
  readonly state: SchedulerState;
  readonly send: (messages: readonly ToScheduler[]) => void;
  /** Where the scheduler's process sees audio. Absent: it goes along in messages. */
  readonly arena?: AudioArena | undefined;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now'>;
  /** See GatheredMessages. */
  readonly later?: (flush: () => void) => void;
}

interface Pending {
  readonly job: DecodeJob;
  readonly segment: number;
  readonly settle: (outcome: DecodeOutcome) => void;
  readonly fail: (error: AsrError) => void;
  isAttended: boolean;
  /** Its audio, while a run has it. */
  placed: PlacedBatch | undefined;
}

export class RemoteScheduler implements DecodeScheduler {
  readonly model: EngineModel;
  readonly sharesTime: boolean;
  readonly #options: RemoteSchedulerOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #out: GatheredMessages<ToScheduler>;
  readonly #pending = new Map<number, Pending>();
  readonly #segments = new WeakMap<SegmentKey, number>();
  #state: SchedulerState;
  #lastId = 0;
  #lastSegment = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: RemoteSchedulerOptions) {
    this.#options = options;
    this.model = options.facts.model;
    this.sharesTime = options.facts.sharesTime;
    this.#state = options.state;
    this.#clock = options.clock ?? systemClock;
    this.#out = new GatheredMessages(options.send, options.later);
  }

  get stretch(): number {
    return this.#state.stretch;
  }

  get load(): number {
    return this.#state.load;
  }

  get lateMs(): number {
    return this.#state.lateMs;
  }

  get isUp(): boolean {
    return this.#state.isUp;
  }

  /** Of all processes together. */
  get counts(): SchedulerCounts {
    return this.#state.counts;
  }

  /** Memory is bounded where the engines are. */
  limitRuns(): void {}

  submit(job: DecodeJob): Promise<DecodeOutcome> {
    if (this.#closing !== undefined) return Promise.reject(new AsrError('shutting_down', 'the recogniser is closed'));
    if (this.#pending.size >= JOBS_MAX) {
      return Promise.reject(new AsrError('overloaded', `${this.#pending.size} windows of this process wait already`));
    }
    const { kind, isAgain, urgency, spacing, dueInMs, samples } = job;
    const id = ++this.#lastId;
    const segment = this.#numberOf(job.segment);
    const isAttended = job.isAttended?.() ?? true;
    return new Promise((settle, fail) => {
      this.#pending.set(id, { job, segment, settle, fail, isAttended, placed: undefined });
      const sent = { id, segment, kind, urgency, spacing, dueInMs, samples, isAttended };
      this.#out.add({ type: 'submit', job: { ...sent, ...(isAgain === true && { isAgain }) } });
    });
  }

  cancel(segment: SegmentKey): void {
    const number = this.#segments.get(segment);
    if (number !== undefined) this.#out.add({ type: 'cancel', segment: number });
  }

  /** Takes what the scheduler says. */
  receive(messages: readonly FromScheduler[]): void {
    for (const message of messages) this.#take(message);
  }

  /** Tells of those who have come back, or gone, since they asked. */
  tellAttendance(): void {
    for (const [id, pending] of this.#pending) {
      const isAttended = pending.job.isAttended?.() ?? true;
      if (isAttended === pending.isAttended) continue;
      pending.isAttended = isAttended;
      this.#out.add({ type: 'attended', id, isAttended });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const [id, { segment, fail, placed }] of this.#pending) {
      // Its run is under way.
      if (placed !== undefined) continue;
      this.#pending.delete(id);
      this.#out.add({ type: 'cancel', segment });
      fail(new AsrError('shutting_down', 'the recogniser was closed'));
    }
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #take(message: FromScheduler): void {
    switch (message.type) {
      case 'ask':
        return this.#answer(message);
      case 'ran':
        return this.#over(message.id, message.run);
      case 'settled':
        return this.#settle(message);
      case 'state':
        this.#state = message.state;
    }
  }

  #answer({ id, attempt }: Extract<FromScheduler, { type: 'ask' }>): void {
    this.#out.add({ type: 'request', id, attempt, request: this.#requestOf(id) });
  }

  #requestOf(id: number): SentRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    pending.placed?.release();
    try {
      // It is called by a process that has the hypothesis: it has no reason to be a promise.
      const request = pending.job.request() as DecodeRequest;
      pending.placed = place(request, this.#options.arena);
      return pending.placed.batch[0];
    } catch (cause) {
      this.#pending.delete(id);
      pending.fail(new AsrError('recognition_failed', messageOf(cause), { cause }));
      return undefined;
    }
  }

  #settle({ id, outcome, run }: Extract<FromScheduler, { type: 'settled' }>): void {
    const pending = this.#pending.get(id);
    this.#over(id, run);
    this.#pending.delete(id);
    if (outcome.status === 'failed') pending?.fail(new AsrError(outcome.code, outcome.message));
    else pending?.settle(outcome);
    if (this.#pending.size === 0) this.#onIdle?.();
  }

  /** A run of the job has ended, if it had one: its audio is wanted no more. */
  #over(id: number, run: RunAges | undefined): void {
    const pending = this.#pending.get(id);
    pending?.placed?.release();
    if (pending !== undefined) pending.placed = undefined;
    if (run !== undefined) pending?.job.onRun?.(timingOf(run, this.#clock.now()));
  }

  #numberOf(segment: SegmentKey): number {
    const known = this.#segments.get(segment);
    if (known !== undefined) return known;
    this.#segments.set(segment, ++this.#lastSegment);
    return this.#lastSegment;
  }
}

function place(request: DecodeRequest, arena: AudioArena | undefined): PlacedBatch {
  if (arena !== undefined) return arena.place([request]);
  // A view would be sent with all that it is a view of.
  return { batch: [{ ...request, audio: request.audio.slice() }], release: () => undefined };
}

function timingOf({ queued, began, ended, windows, hasFailed }: RunAges, now: number): RunTiming {
  return { queuedAt: now - queued, beganAt: now - began, endedAt: now - ended, windows, hasFailed };
}
