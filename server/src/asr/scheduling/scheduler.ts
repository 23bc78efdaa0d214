// Brings decodes and engines together: what is due is batched and sent to the engine that is free.
import { messageOf } from '@sotto/protocol';
import { AsrError, EngineError } from '../errors.js';
import {
  DecodeQueue,
  laneOf,
  QUEUE_BOUNDS,
  type QueueBounds,
  type QueuedDecode,
  type SegmentKey,
  urgencyOf,
} from './decode-queue.js';
import {
  bucketFor,
  mostUrgent,
  type DecodeRequest,
  type DecodeResult,
  type Engine,
  type EngineModel,
  type Urgency,
} from '../engine.js';
import type { DecodeJob, DecodeOutcome, DecodeScheduler, SchedulerCounts } from './decode-scheduler.js';
import { EngineSlot } from './engine-slot.js';
import { systemClock, type Clock } from '../../time/clock.js';
import { LoadMeter } from './load-meter.js';
import { RunBounds, untilHandOver } from './run-bounds.js';
import { SAMPLE_RATE, SAMPLES_PER_MS, toMs } from '../../audio/samples.js';

export interface SchedulerOptions {
  readonly bounds?: QueueBounds;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now' | 'after'>;
}

interface Waiting extends QueuedDecode {
  readonly job: DecodeJob;
  readonly settle: (outcome: DecodeOutcome) => void;
  readonly fail: (error: AsrError) => void;
}

/**
 * Earliest deadline first within `final > partial > file`, one bucket per run, each engine one run at a time. Nothing
 * waits for a batch to fill: an idle engine takes what came in this turn of the event loop, and batches grow by
 * themselves while engines are busy.
 *
 * Where an engine shares its time, a run does not wait for the end of one that is less urgent: it begins beside it, and
 * the other one stands still before its next pass (run-traffic.ts). So finals and first words come before partials that
 * have words, and those before files. On two cores a decode of 3.5 s, its draft right,
 * took 110 ms alone, 316 ms behind windows of files of 10 s one after the other, 176 ms beside them, 117 ms where they
 * gave way (medians; p95 184, 702, 282 and 229 ms), and the files lost nothing by it. The other way round a run of
 * files waits until nothing live is under way or waits.
 *
 * An engine that takes more than one run in flight is handed the next one while it is busy: shortly before it is done,
 * or when the next one is full. So it need not wait while the results of the last one are dealt with and the next one
 * is brought to it.
 */
export class Scheduler implements DecodeScheduler {
  readonly model: EngineModel;
  /** See Engine: of all engines. */
  readonly sharesTime: boolean;
  readonly #slots: readonly EngineSlot[];
  readonly #queue: DecodeQueue<Waiting>;
  readonly #clock: Pick<Clock, 'now' | 'after'>;
  readonly #load: LoadMeter;
  readonly #counts = { running: 0, decoded: 0, runs: 0, superseded: 0, dropped: 0, refused: 0, retried: 0, failed: 0 };
  #dispatch: NodeJS.Immediate | undefined;
  readonly #runs = new Set<Promise<void>>();
  readonly #bounds: RunBounds;
  #closed = false;

  /** All engines carry the same model. */
  constructor(engines: readonly Engine[], options: SchedulerOptions = {}) {
    const [first] = engines;
    if (!first) throw new RangeError('a scheduler needs at least one engine');
    this.model = first.model;
    this.sharesTime = engines.some(({ sharesTime }) => sharesTime === true);
    this.#clock = options.clock ?? systemClock;
    this.#slots = engines.map((engine) => new EngineSlot(engine));
    this.#queue = new DecodeQueue(options.bounds ?? QUEUE_BOUNDS);
    this.#load = new LoadMeter(engines.length, Math.min(...engines.map(({ maxBatch }) => maxBatch)), this.#clock.now());
    this.#bounds = new RunBounds(this.#load);
  }

  /** By how much sessions should stretch their partial interval now. */
  get stretch(): number {
    return this.#load.stretch(this.#clock.now());
  }

  /** Share of the engines' time that is asked for, see {@link LoadMeter.load}. */
  get load(): number {
    return this.#load.load(this.#clock.now());
  }

  /** By how much the finals that somebody waits for are late, milliseconds; 0 where none is. */
  get lateMs(): number {
    const due = this.#queue.nextFinal;
    return due === undefined ? 0 : Math.max(0, this.#clock.now() - due);
  }

  /** Whether any engine could run something. */
  get isUp(): boolean {
    return this.#slots.some(({ engine }) => engine.isUp !== false);
  }

  /**
   * Makes runs smaller, or as large as they were, where memory is short: this part of their ordinary size, and a window
   * at least.
   */
  limitRuns(share: number): void {
    this.#bounds.memoryShare = share;
  }

  get counts(): SchedulerCounts {
    const waiting = {
      final: this.#queue.waiting('final'),
      partial: this.#queue.waiting('partial'),
      file: this.#queue.waiting('file'),
    };
    const busyMs = this.#slots.reduce((sum, slot) => sum + slot.busyMs, 0);
    return { ...this.#counts, busyMs, waiting };
  }

  /**
   * Has a window decoded. Rejects with AsrError: `overloaded` at the bound of finals or files, `recognition_failed`
   * when the window is too long or its run failed twice, `shutting_down` after close.
   */
  submit(job: DecodeJob): Promise<DecodeOutcome> {
    if (this.#closed) return Promise.reject(new AsrError('shutting_down', 'the recogniser is closed'));
    const bucket = bucketFor(job.samples, this.model);
    if (bucket === undefined) {
      const longest = (this.model.buckets.at(-1) ?? 0) / SAMPLES_PER_MS;
      return Promise.reject(
        new AsrError(
          'recognition_failed',
          `a window of ${toMs(job.samples)} ms is longer than the model's ${longest} ms`,
        ),
      );
    }
    const now = this.#clock.now();
    this.#load.asked(laneOf(job.kind), bucket / SAMPLE_RATE, now, job.spacing);
    return new Promise((settle, fail) => {
      const decode: Waiting = {
        segment: job.segment,
        kind: job.kind,
        isAttended: job.isAttended,
        ...(job.isAgain === true && { isAgain: true }),
        urgency: job.urgency,
        deadline: now + job.dueInMs,
        bucket,
        alone: false,
        job,
        settle,
        fail,
      };
      const added = this.#queue.add(decode);
      if (added.refused) {
        this.#counts.refused += 1;
        fail(new AsrError('overloaded', `${this.#queue.waiting(job.kind)} ${job.kind}s wait already`));
        return;
      }
      this.#counts.superseded += added.superseded.length;
      this.#counts.dropped += added.dropped.length;
      for (const older of added.superseded) older.settle({ status: 'superseded' });
      for (const dropped of added.dropped) dropped.settle({ status: 'dropped' });
      this.#wake();
    });
  }

  /** Forgets what waits for a segment. A run under way goes on; its outcome still arrives. */
  cancel(segment: SegmentKey): void {
    for (const decode of this.#queue.cancel(segment)) decode.settle({ status: 'cancelled' });
  }

  /**
   * Refuses new jobs and fails the waiting ones (`shutting_down`), then waits for the runs under way. The engines stay
   * open. May be called twice.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const decode of this.#queue.clear()) decode.fail(new AsrError('shutting_down', 'the recogniser was closed'));
    if (this.#dispatch) clearImmediate(this.#dispatch);
    this.#dispatch = undefined;
    await Promise.all(this.#runs);
  }

  /** Dispatches at the end of this turn of the event loop: what arrives together is batched together. */
  #wake(): void {
    if (this.#closed) return;
    this.#dispatch ??= setImmediate(() => {
      this.#dispatch = undefined;
      const free = this.#slots
        .filter((slot) => slot.isFree && this.#isUsable(slot))
        .sort(
          (a, b) =>
            Number(a.hasFailed) - Number(b.hasFailed) || Number(a.isBusy) - Number(b.isBusy) || a.busyMs - b.busyMs,
        );
      for (const [taken, slot] of free.entries()) {
        // Free engines share what waits, rather than one of them running it all.
        this.#fill(slot, Math.ceil(this.#queue.size / (free.length - taken)));
      }
      for (const slot of this.#slots) {
        if (!slot.takesNext || !this.#isUsable(slot)) continue;
        const bound = this.#bounds.whereBusy(slot, this.#clock.now());
        if (bound !== undefined) this.#begin(slot, this.#queue.take(...bound));
      }
    });
  }

  /** Begins what may begin there: where runs share the device, a more urgent one beside each. */
  #fill(slot: EngineSlot, share: number): void {
    while (slot.isFree) {
      const batch = this.#queue.take(...this.#bounds.whereFree(slot, share, this.#clock.now()));
      if (batch.length === 0) return;
      this.#begin(slot, batch);
    }
  }

  #begin(slot: EngineSlot, batch: readonly Waiting[]): void {
    const [head] = batch;
    if (head === undefined) return;
    const run = this.#run(slot, head, batch).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
  }

  /** Comes back to an engine that takes another run when it is nearly done. */
  #wakeBefore(slot: EngineSlot): void {
    const waitMs = untilHandOver(slot, this.#clock.now());
    if (waitMs !== undefined) this.#clock.after(waitMs, () => this.#wake());
  }

  /** An engine that is being brought back gets nothing while another one is up; without any, work waits for it. */
  #isUsable({ engine }: EngineSlot): boolean {
    return engine.isUp !== false || this.#slots.every((other) => other.engine.isUp === false);
  }

  async #run(slot: EngineSlot, head: Waiting, batch: readonly Waiting[]): Promise<void> {
    const startedAt = this.#clock.now();
    const lane = laneOf(head.kind);
    const expectedMs = this.#load.expectedMs(lane, (batch.length * head.bucket) / SAMPLE_RATE, startedAt);
    const urgency = mostUrgent(batch.map(urgencyOf));
    const run = { urgency, windows: batch.length, alone: head.alone, startedAt, expectedMs };
    slot.begin(run);
    this.#wakeBefore(slot);
    this.#counts.running += 1;
    /** Those of the batch that did not leave before it began. */
    let rows = batch;
    let results: readonly DecodeResult[] | undefined;
    let failure: unknown;
    try {
      const asked = batch.map(({ job }) => job.request());
      const requests = asked.every(isHere) ? asked : await Promise.all(asked);
      rows = batch.filter((_, at) => requests[at] !== undefined);
      if (rows.length > 0) this.#counts.runs += 1;
      results = await decodeRows(slot.engine, rows, requests.filter(isHere), head.bucket, urgency);
    } catch (error) {
      failure = error;
    }
    const ended = this.#clock.now();
    const runMs = slot.end(run, ended, rows.length > 0 ? results === undefined : slot.hasFailed);
    this.#wakeBefore(slot);
    this.#counts.running -= 1;
    for (const decode of batch) {
      this.#queue.done(decode);
      if (!rows.includes(decode)) decode.settle({ status: 'cancelled' });
    }
    if (results && rows.length > 0) {
      // Windows of a run are of one context.
      this.#load.ran(lane, rows.length, (rows.length * head.bucket) / SAMPLE_RATE, runMs, ended);
      this.#counts.decoded += rows.length;
    }
    const timing = { beganAt: startedAt, endedAt: ended, windows: rows.length, hasFailed: results === undefined };
    for (const [row, decode] of rows.entries()) {
      const { deadline, job } = decode;
      job.onRun?.({ ...timing, queuedAt: deadline - job.dueInMs });
      const result = results?.[row];
      if (result) decode.settle({ status: 'decoded', result });
      else this.#runFailed(decode, failure ?? new EngineError('engine_failed', 'the engine answered too few rows'));
    }
    if (this.#queue.hasWork) this.#wake();
  }

  #runFailed(decode: Waiting, cause: unknown): void {
    if (this.#closed) {
      decode.fail(new AsrError('shutting_down', 'the recogniser was closed', { cause }));
    } else if (decode.alone || (cause instanceof EngineError && !cause.retryable)) {
      // Alone: it had failed once before.
      this.#counts.failed += 1;
      decode.fail(new AsrError('recognition_failed', `the engine failed: ${messageOf(cause)}`, { cause }));
    } else if (this.#queue.retry(decode)) {
      this.#counts.retried += 1;
    } else {
      this.#counts.superseded += 1;
      decode.settle({ status: 'superseded' });
    }
  }
}

function isHere(request: ReturnType<DecodeJob['request']> | undefined): request is DecodeRequest {
  return request !== undefined && !(request instanceof Promise);
}

async function decodeRows(
  engine: Engine,
  rows: readonly Waiting[],
  requests: readonly DecodeRequest[],
  context: number,
  urgency: Urgency,
): Promise<readonly DecodeResult[]> {
  if (rows.length === 0) return [];
  return engine.decode(
    requests.map((request, row) => ({
      ...request,
      urgency,
      ...((rows[row]?.bucket ?? context) < context && { context }),
    })),
  );
}
