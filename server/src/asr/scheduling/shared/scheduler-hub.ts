// One scheduler for several server processes: each is a member, whose jobs wait in the one queue. What a member does
// not answer in time holds nobody else up.
import { messageOf } from '@sotto/protocol';
import { systemClock, type Clock } from '../../../time/clock.js';
import type { DecodeRequest } from '../../engine.js';
import { AsrError } from '../../errors.js';
import type { SegmentKey } from '../decode-queue.js';
import type { DecodeOutcome, DecodeScheduler, RunTiming } from '../decode-scheduler.js';
import { GatheredMessages } from './gathered-messages.js';
import type {
  FromScheduler,
  RunAges,
  SchedulerFacts,
  SchedulerState,
  SentFailure,
  SentJob,
  ToScheduler,
} from './messages.js';

/** How long a run waits for what a member wants of an engine, milliseconds: then it begins without. */
export const ANSWER_MS_MAX = 250;
/** How often members are told how the scheduler is, milliseconds, and how often at most beside answers. */
const STATE_EVERY_MS = 100;
const STATE_WITH_ANSWERS_MS = 25;

export interface SchedulerHubOptions {
  /** How the scheduler is to members. Default: as it is. */
  readonly state?: () => SchedulerState;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now' | 'after' | 'every'>;
  /** See GatheredMessages. */
  readonly later?: (flush: () => void) => void;
}

/** Does not own the scheduler. */
export class SchedulerHub {
  readonly #scheduler: DecodeScheduler;
  readonly #options: SchedulerHubOptions;
  readonly #members = new Set<HubMember>();
  readonly #state: () => SchedulerState;
  readonly #stop: () => void;

  constructor(scheduler: DecodeScheduler, options: SchedulerHubOptions = {}) {
    this.#scheduler = scheduler;
    this.#options = options;
    const { clock = systemClock, state = () => stateOf(scheduler) } = options;
    this.#state = state;
    this.#stop = clock.every(STATE_EVERY_MS, () => {
      for (const member of this.#members) member.tellStateIfOld();
    });
  }

  /** What a member is told first. */
  get introduction(): { readonly facts: SchedulerFacts; readonly state: SchedulerState } {
    const { model, sharesTime } = this.#scheduler;
    return { facts: { model, sharesTime }, state: this.#state() };
  }

  /** @param audio where its process places audio; undefined: audio comes in messages */
  join(send: (messages: readonly FromScheduler[]) => void, audio: Float32Array | undefined): HubMember {
    const member: HubMember = new HubMember(this.#scheduler, {
      ...this.#options,
      state: this.#state,
      send,
      audio,
      onGone: () => this.#members.delete(member),
    });
    this.#members.add(member);
    return member;
  }

  async close(): Promise<void> {
    this.#stop();
    for (const member of this.#members) member.leave();
  }
}

export function stateOf({ stretch, load, lateMs, isUp, counts }: DecodeScheduler): SchedulerState {
  return { stretch, load, lateMs, isUp, counts };
}

interface MemberOptions extends Omit<SchedulerHubOptions, 'state'> {
  readonly state: () => SchedulerState;
  readonly send: (messages: readonly FromScheduler[]) => void;
  readonly audio: Float32Array | undefined;
  readonly onGone: () => void;
}

/** A job of a member. */
interface MemberJob {
  readonly sent: SentJob;
  readonly segment: SegmentKey;
  readonly dueAt: number;
  isAttended: boolean;
  /** How often it has been put into the queue. */
  attempts: number;
  /** Its last run, where that went well. */
  run: RunTiming | undefined;
  /** Waits for the member, which has not answered in time, rather than for an engine. */
  isParked: boolean;
}

interface Asked {
  readonly attempt: number;
  readonly answer: (request: DecodeRequest | undefined) => void;
  readonly stop: () => void;
}

/** A process that shares the scheduler. */
export class HubMember {
  readonly #scheduler: DecodeScheduler;
  readonly #options: MemberOptions;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #out: GatheredMessages<FromScheduler>;
  readonly #jobs = new Map<number, MemberJob>();
  /** Segments by their numbers, and how many jobs they have. */
  readonly #segments = new Map<number, { readonly key: SegmentKey; jobs: number }>();
  readonly #asked = new Map<number, Asked>();
  #stateToldAt = -Infinity;
  /** It did not answer in time, and has said nothing since. */
  #isSilent = false;
  #isGone = false;

  constructor(scheduler: DecodeScheduler, options: MemberOptions) {
    this.#scheduler = scheduler;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#out = new GatheredMessages((messages) => {
      if (!this.#isGone) options.send(messages);
    }, options.later);
  }

  /** Jobs that have not come to an end. */
  get jobs(): number {
    return this.#jobs.size;
  }

  /** Takes what its process says. */
  receive(messages: readonly ToScheduler[]): void {
    if (this.#isGone) return;
    for (const message of messages) this.#take(message);
    if (this.#isSilent) this.#isBack();
  }

  /** Where none has gone with answers of late. */
  tellStateIfOld(): void {
    if (this.#clock.now() - this.#stateToldAt >= STATE_EVERY_MS / 2) this.tellState();
  }

  tellState(): void {
    this.#stateToldAt = this.#clock.now();
    this.#out.add({ type: 'state', state: this.#options.state() });
  }

  /** Its process is gone: what waits is cancelled, what runs is thrown away. May be called twice. */
  leave(): void {
    this.#isGone = true;
    for (const { key } of this.#segments.values()) this.#scheduler.cancel(key);
    this.#answerNone();
    this.#jobs.clear();
    this.#segments.clear();
    this.#options.onGone();
  }

  #take(message: ToScheduler): void {
    switch (message.type) {
      case 'submit':
        return this.#submit(message.job);
      case 'cancel':
        return this.#cancel(message.segment);
      case 'attended': {
        const job = this.#jobs.get(message.id);
        if (job !== undefined) job.isAttended = message.isAttended;
        return;
      }
      case 'request': {
        const { id, attempt, request } = message;
        if (this.#asked.get(id)?.attempt !== attempt) return;
        return this.#answer(id, request && { ...request, audio: this.#audioOf(request.audio) });
      }
    }
  }

  #submit(sent: SentJob): void {
    const segment = this.#segments.get(sent.segment) ?? { key: {}, jobs: 0 };
    segment.jobs += 1;
    this.#segments.set(sent.segment, segment);
    const job: MemberJob = {
      sent,
      segment: segment.key,
      dueAt: this.#clock.now() + sent.dueInMs,
      isAttended: sent.isAttended,
      attempts: 0,
      run: undefined,
      isParked: false,
    };
    this.#jobs.set(sent.id, job);
    this.#queue(job, sent.dueInMs);
  }

  #queue(job: MemberJob, dueInMs: number): void {
    const { sent, segment } = job;
    const attempt = ++job.attempts;
    this.#scheduler
      .submit({
        ...sent,
        segment,
        dueInMs,
        isAttended: () => job.isAttended,
        request: () => this.#ask(job, attempt),
        onRun: (run) => this.#ran(job, run),
      })
      .then(
        (outcome) => this.#settled(job, attempt, outcome),
        (error: unknown) => this.#over(job, failureOf(error)),
      );
  }

  #cancel(number: number): void {
    const segment = this.#segments.get(number);
    if (segment === undefined) return;
    this.#scheduler.cancel(segment.key);
    for (const job of this.#jobs.values()) {
      if (job.isParked && job.segment === segment.key) this.#over(job, { status: 'cancelled' });
    }
  }

  /** What it wants of an engine; undefined where it does not say in time. */
  #ask(job: MemberJob, attempt: number): Promise<DecodeRequest | undefined> {
    const { id } = job.sent;
    if (this.#isGone || this.#isSilent) {
      job.isParked = true;
      return Promise.resolve(undefined);
    }
    return new Promise((answer) => {
      const stop = this.#clock.after(ANSWER_MS_MAX, () => {
        this.#isSilent = true;
        this.#answerNone();
      });
      this.#asked.set(id, { attempt, answer, stop });
      this.#out.add({ type: 'ask', id, attempt });
    });
  }

  #answer(id: number, request: DecodeRequest | undefined): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    asked?.stop();
    asked?.answer(request);
  }

  /** Runs begin without it. */
  #answerNone(): void {
    for (const id of this.#asked.keys()) {
      const job = this.#jobs.get(id);
      if (job !== undefined) job.isParked = true;
      this.#answer(id, undefined);
    }
  }

  /** It says something again: what it had waiting goes on waiting for an engine. */
  #isBack(): void {
    this.#isSilent = false;
    const now = this.#clock.now();
    for (const job of this.#jobs.values()) {
      if (!job.isParked) continue;
      job.isParked = false;
      this.#queue(job, job.dueAt - now);
    }
  }

  #ran(job: MemberJob, run: RunTiming): void {
    if (!run.hasFailed) job.run = run;
    else this.#out.add({ type: 'ran', id: job.sent.id, run: agesOf(run, this.#clock.now()) });
  }

  #settled(job: MemberJob, attempt: number, outcome: DecodeOutcome): void {
    // It left its run: it is parked, or waits anew already.
    if (attempt !== job.attempts || (job.isParked && outcome.status === 'cancelled')) return;
    this.#over(job, outcome);
  }

  #over(job: MemberJob, outcome: DecodeOutcome | SentFailure): void {
    const { id, segment: number } = job.sent;
    if (!this.#jobs.delete(id)) return;
    const segment = this.#segments.get(number);
    if (segment !== undefined) {
      segment.jobs -= 1;
      if (segment.jobs === 0) this.#segments.delete(number);
    }
    const now = this.#clock.now();
    this.#out.add({ type: 'settled', id, outcome, ...(job.run && { run: agesOf(job.run, now) }) });
    if (now - this.#stateToldAt >= STATE_WITH_ANSWERS_MS) this.tellState();
  }

  #audioOf(audio: Float32Array | { readonly begin: number; readonly end: number }): Float32Array {
    if (audio instanceof Float32Array) return audio;
    const { audio: shared } = this.#options;
    if (shared === undefined) throw new RangeError('a member without shared memory placed audio there');
    return shared.subarray(audio.begin, audio.end);
  }
}

function agesOf({ queuedAt, beganAt, endedAt, windows, hasFailed }: RunTiming, now: number): RunAges {
  return { queued: now - queuedAt, began: now - beganAt, ended: now - endedAt, windows, hasFailed };
}

function failureOf(error: unknown): SentFailure {
  return {
    status: 'failed',
    code: error instanceof AsrError ? error.code : 'recognition_failed',
    message: messageOf(error),
  };
}
