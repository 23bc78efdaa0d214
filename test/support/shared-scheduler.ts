// A scheduler as another process has it: what the two say to each other is copied, as it is between processes.
import t, { type Test } from 'tap';
import type { AudioArena } from '../../server/src/asr/engine-host/audio-arena.js';
import type { Engine } from '../../server/src/asr/engine.js';
import type { DecodeJob, DecodeScheduler } from '../../server/src/asr/scheduling/decode-scheduler.js';
import type { SegmentKey } from '../../server/src/asr/scheduling/decode-queue.js';
import { Scheduler, type SchedulerOptions } from '../../server/src/asr/scheduling/scheduler.js';
import type { FromScheduler, ToScheduler } from '../../server/src/asr/scheduling/shared/messages.js';
import { RemoteScheduler } from '../../server/src/asr/scheduling/shared/remote-scheduler.js';
import { SchedulerHub, type HubMember } from '../../server/src/asr/scheduling/shared/scheduler-hub.js';
import type { Clock } from '../../server/src/time/clock.js';
import { ManualClock } from './manual-clock.js';

export type OpenScheduler = (engines: readonly Engine[], options?: SchedulerOptions) => DecodeScheduler;

/** Tests a scheduler in this process, and the same one as another process has it. */
export function either(title: string, test: (t: Test, open: OpenScheduler) => Promise<void>): void {
  void t.test(title, (t) => test(t, (engines, options) => new Scheduler(engines, options)));
  void t.test(`${title}, of another process`, (t) =>
    test(t, (engines, options) => new SharedScheduler(engines, options)),
  );
}

/** Its numbers are those of now, rather than those that were told last. */
class SharedScheduler implements DecodeScheduler {
  readonly #scheduler: Scheduler;
  readonly #remote: RemoteScheduler;
  readonly #member: HubMember;

  constructor(engines: readonly Engine[], options: SchedulerOptions = {}) {
    this.#scheduler = new Scheduler(engines, options);
    const { clock = new ManualClock() } = options;
    // Its numbers are told when they are asked for.
    const own = { now: () => clock.now(), after: clock.after.bind(clock), every: () => () => undefined };
    const hub = new SchedulerHub(this.#scheduler, { clock: own, later });
    const { remote, member } = connect(hub);
    this.#remote = remote;
    this.#member = member;
  }

  get model() {
    return this.#remote.model;
  }

  get sharesTime() {
    return this.#remote.sharesTime;
  }

  get stretch() {
    return this.#now.stretch;
  }

  get load() {
    return this.#now.load;
  }

  get lateMs() {
    return this.#now.lateMs;
  }

  get isUp() {
    return this.#now.isUp;
  }

  get counts() {
    return this.#now.counts;
  }

  submit(job: DecodeJob) {
    return this.#remote.submit(job);
  }

  cancel(segment: SegmentKey): void {
    this.#remote.cancel(segment);
  }

  /** Where the engines are. */
  limitRuns(share: number): void {
    this.#scheduler.limitRuns(share);
  }

  async close(): Promise<void> {
    await this.#remote.close();
    await this.#scheduler.close();
  }

  get #now(): RemoteScheduler {
    this.#remote.tellAttendance();
    this.#member.tellState();
    return this.#remote;
  }
}

/** What is said comes over at once. */
export const later = (flush: () => void): void => flush();

/** A process that shares a scheduler. */
export interface SharingProcess {
  readonly remote: RemoteScheduler;
  readonly member: HubMember;
  /** Its event loop stands still from now on. */
  hang(): void;
  /** It takes what was said to it meanwhile. */
  wake(): void;
}

export interface ConnectOptions {
  /** Audio of its runs lies there. Absent: it goes along in messages. */
  readonly arena?: AudioArena;
  readonly clock?: Pick<Clock, 'now'>;
}

export function connect(hub: SchedulerHub, { arena, clock }: ConnectOptions = {}): SharingProcess {
  let held: FromScheduler[] | undefined;
  const member = hub.join((messages) => {
    const copies = structuredClone(messages as FromScheduler[]);
    if (held === undefined) remote.receive(copies);
    else held.push(...copies);
  }, arena?.samples);
  const remote: RemoteScheduler = new RemoteScheduler({
    ...hub.introduction,
    send: (messages) => member.receive(structuredClone(messages as ToScheduler[])),
    arena,
    ...(clock && { clock }),
    later,
  });
  return {
    remote,
    member,
    hang: () => {
      held = [];
    },
    wake: () => {
      const missed = held ?? [];
      held = undefined;
      remote.receive(missed);
    },
  };
}
