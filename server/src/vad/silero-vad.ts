// Silero VAD v6 over all live streams: frames that come while runs are in flight form the next batch.
import { availableParallelism } from 'node:os';
import { BATCH_MAX, loadSilero, SileroRunner, type LoadModel } from './silero-runner.js';
import { SileroRecordings } from './silero-recordings.js';
import { SileroStream } from './silero-stream.js';
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

export interface SileroVadOptions {
  /**
   * Runs that may be in flight at once, each with a thread and a model of its own. Default, and 0: one for every four
   * cores, 1 to 4.
   */
  readonly runs?: number;
  /** For tests of failing models. */
  readonly load?: LoadModel;
  /** The same, of the model for recordings. */
  readonly loadSequence?: LoadModel;
}

/**
 * Judges the frames of all its streams in shared runs, off the event loop. A stream's results do not depend on the
 * others.
 */
export class SileroVad implements VoiceActivityDetector {
  readonly #runners: readonly SileroRunner[];
  /** Runners with nothing to do. */
  readonly #idle: SileroRunner[];
  readonly #recordings: SileroRecordings;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #streams = new Set<SileroStream>();
  /** Streams with frames that wait and that are in no run, the longest waiting first. */
  #ready: SileroStream[] = [];
  #isStarting = false;
  #isClosed = false;

  /** Rejects with OrtError when the model cannot be loaded. */
  static async load({ runs = 0, load = loadSilero, loadSequence }: SileroVadOptions = {}): Promise<SileroVad> {
    return new SileroVad(
      await Promise.all(Array.from({ length: runs || defaultRuns() }, () => SileroRunner.load(load))),
      new SileroRecordings(loadSequence),
    );
  }

  private constructor(runners: readonly SileroRunner[], recordings: SileroRecordings) {
    this.#runners = runners;
    this.#idle = [...runners];
    this.#recordings = recordings;
  }

  open(): VadStream {
    if (this.#isClosed) throw new VadError('vad_closed', 'The detector is closed.');
    const stream = new SileroStream({
      ready: () => {
        this.#ready.push(stream);
        this.#startSoon();
      },
      closed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }

  openRecording(): VadRecording {
    if (this.#isClosed) throw new VadError('vad_closed', 'The detector is closed.');
    return this.#recordings.open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.close();
    await Promise.all([...this.#inFlight, this.#recordings.close()]);
    for (const runner of this.#runners) runner.close();
  }

  /** Once around the event loop: what just got its result, or comes in with it, joins the next run. */
  #startSoon(): void {
    if (this.#isStarting || this.#idle.length === 0) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      this.#start();
    });
  }

  /**
   * Shares what waits among the runners that are idle: a second run beside one in flight only for a good number of
   * streams.
   */
  #start(): void {
    while (!this.#isClosed && this.#ready.length >= (this.#inFlight.size === 0 ? 1 : SHARE_MIN)) {
      const shares = Math.min(this.#idle.length, Math.max(1, Math.floor(this.#ready.length / SHARE_MIN)));
      const runner = this.#idle.pop();
      if (runner === undefined) return;
      const streams = this.#ready.splice(0, Math.min(BATCH_MAX, Math.ceil(this.#ready.length / shares)));
      const run = this.#run(runner, streams).finally(() => this.#inFlight.delete(run));
      this.#inFlight.add(run);
    }
  }

  async #run(runner: SileroRunner, streams: readonly SileroStream[]): Promise<void> {
    await runner.run(streams);
    this.#idle.push(runner);
    this.#startSoon();
  }
}

function defaultRuns(): number {
  return Math.min(RUNS_MAX, Math.max(1, Math.floor(availableParallelism() / CORES_PER_RUN)));
}
