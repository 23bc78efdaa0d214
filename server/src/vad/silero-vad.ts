// Silero VAD v6 over all live streams: frames that come while runs are in flight form the next batch.
import { availableParallelism } from 'node:os';
import { createPage, SileroMemory } from './silero-memory.js';
import { BATCH_MAX, type LoadModel } from './silero-runner.js';
import { SileroRecordings } from './silero-recordings.js';
import { SileroStream } from './silero-stream.js';
import { SileroThread, type SileroThreadOptions } from './silero-thread.js';
import type { VadRecording, VadStream, VoiceActivityDetector } from './vad.js';
import { VadError } from './vad-error.js';

/**
 * Streams that are worth a run of their own beside another; below, a frame costs more of the processor the fewer share
 * its run.
 */
const SHARE_MIN = 32;
/**
 * Default of {@link SileroVadOptions.runs}: one for every four cores, since the recogniser needs most of them, and at
 * most this many.
 */
const RUNS_MAX = 4;
const CORES_PER_RUN = 4;
/**
 * From the beginning of one run to that of the next, at least, milliseconds: each costs the server's thread as much as
 * ten frames do, and a frame of a larger batch costs less of the processor. A frame is 32 ms.
 */
const RUN_INTERVAL_MS = 4;
/** So many streams begin a run at once. */
const FULL_RUN = 64;
/** Below so many open streams runs cost little, and audio that comes faster than speech is not held up. */
const MANY_STREAMS = 16;

export interface SileroVadOptions {
  /**
   * Runs that may be in flight at once, each with a thread and a model of its own. Default, and 0: one for every four
   * cores, 1 to 4.
   */
  readonly runs?: number;
  /** For tests of failing threads. */
  readonly thread?: SileroThreadOptions;
  /** For tests of failing models, of that for recordings. */
  readonly loadSequence?: LoadModel;
}

/**
 * Judges the frames of all its streams in shared runs, in threads of its own. A stream's results do not depend on the
 * others.
 */
export class SileroVad implements VoiceActivityDetector {
  readonly #memory = new SileroMemory();
  readonly #threads: readonly SileroThread[];
  /** Threads with nothing to do. */
  readonly #idle: SileroThread[];
  readonly #recordings: SileroRecordings;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #streams = new Set<SileroStream>();
  /** Places in the shared memory that no stream has. */
  readonly #places: number[] = [];
  /** Streams with frames that wait and that are in no run, the longest waiting first. */
  #ready: SileroStream[] = [];
  #isStarting = false;
  #startedAt = -Infinity;
  #isClosed = false;

  /** Rejects with VadError when the model cannot be loaded. */
  static async load({ runs = 0, thread, loadSequence }: SileroVadOptions = {}): Promise<SileroVad> {
    const vad = new SileroVad(runs || defaultRuns(), thread, new SileroRecordings(loadSequence));
    try {
      await Promise.all(vad.#threads.map((one) => one.start()));
      return vad;
    } catch (error) {
      await vad.close();
      throw error;
    }
  }

  private constructor(runs: number, thread: SileroThreadOptions | undefined, recordings: SileroRecordings) {
    this.#threads = Array.from({ length: runs }, () => new SileroThread(this.#memory, thread));
    this.#idle = [...this.#threads];
    this.#recordings = recordings;
  }

  open(): VadStream {
    if (this.#isClosed) throw new VadError('vad_closed', 'The detector is closed.');
    const place = this.#takePlace();
    const stream = new SileroStream(place, this.#memory, {
      ready: () => {
        this.#ready.push(stream);
        this.#startSoon();
      },
      closed: () => this.#streams.delete(stream),
      left: () => this.#places.push(place),
    });
    this.#streams.add(stream);
    return stream;
  }

  openRecording(): VadRecording {
    if (this.#isClosed) throw new VadError('vad_closed', 'The detector is closed.');
    return this.#recordings.openRecording();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.close();
    await Promise.all([...this.#inFlight, this.#recordings.close()]);
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #takePlace(): number {
    const free = this.#places.pop();
    if (free !== undefined) return free;
    const first = this.#memory.places;
    const page = createPage();
    for (const owner of [this.#memory, ...this.#threads]) owner.add(page);
    for (let place = this.#memory.places - 1; place > first; place--) this.#places.push(place);
    return first;
  }

  /**
   * Once around the event loop, and not too soon behind the last run: what just got its result, or comes in meanwhile,
   * joins the next one.
   */
  #startSoon(): void {
    if (this.#isStarting || this.#idle.length === 0 || this.#ready.length === 0) return;
    this.#isStarting = true;
    const waitMs = this.#startedAt + RUN_INTERVAL_MS - performance.now();
    const isUrgent = this.#streams.size < MANY_STREAMS || this.#ready.length >= FULL_RUN;
    if (waitMs < 1 || isUrgent) setImmediate(this.#start);
    else setTimeout(this.#start, waitMs);
  }

  /**
   * Shares what waits among the threads that are idle: a second run beside one in flight only for a good number of
   * streams.
   */
  readonly #start = (): void => {
    this.#isStarting = false;
    while (!this.#isClosed && this.#ready.length >= (this.#inFlight.size === 0 ? 1 : SHARE_MIN)) {
      const shares = Math.min(this.#idle.length, Math.max(1, Math.floor(this.#ready.length / SHARE_MIN)));
      const thread = this.#idle.pop();
      if (thread === undefined) return;
      this.#startedAt = performance.now();
      const streams = this.#ready.splice(0, Math.min(BATCH_MAX, Math.ceil(this.#ready.length / shares)));
      const run = this.#run(thread, streams).finally(() => this.#inFlight.delete(run));
      this.#inFlight.add(run);
    }
  };

  /** Never rejects: the frames hear of a failure. */
  async #run(thread: SileroThread, ready: readonly SileroStream[]): Promise<void> {
    const streams = ready.filter((stream) => stream.gather());
    let error: VadError | undefined;
    if (streams.length > 0) {
      await thread.run(Uint32Array.from(streams, ({ place }) => place)).catch((cause: VadError) => (error = cause));
    }
    this.#idle.push(thread);
    for (const stream of streams) stream.settle(error);
    this.#startSoon();
  }
}

export function defaultRuns(): number {
  return Math.min(RUNS_MAX, Math.max(1, Math.floor(availableParallelism() / CORES_PER_RUN)));
}
