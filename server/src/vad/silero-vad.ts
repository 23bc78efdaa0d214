// Silero VAD v6 over all live streams: frames that come while a run is in flight form the next batch.
import { createRequire } from 'node:module';
import { OrtSession } from '@sotto/models';
import { VAD_FRAME_SAMPLES, type VadStream, type VoiceActivityDetector } from './vad.js';
import { VadError } from './vad-error.js';

/** Samples before each frame that the model wants to see again at 16 kHz (Silero's `OnnxWrapper`, since v5). */
const CONTEXT_SAMPLES = 64;
const ROW_SAMPLES = CONTEXT_SAMPLES + VAD_FRAME_SAMPLES;
/** Of each of the two states of the LSTM cell, hidden and memory: the graph's `state` is [2, batch, 128]. */
const STATE_SIZE = 128;
/**
 * Batch sizes of runs: batches are padded to the next one with rows of zeros, so that ONNX Runtime plans memory for a few shapes only. Beyond the largest
 * the streams that wait longest go first.
 */
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
const BATCH_MAX = 256;
/** Frames of one stream that may wait (two seconds); a push beyond is refused with `vad_overloaded`. */
export const PENDING_FRAMES_MAX = 64;

const RATE = { type: 'int64', dims: [], data: BigInt64Array.of(16_000n) } as const;

/** Loads the model, at the start and again after a failed run. */
type LoadModel = () => Promise<OrtSession>;

/** One thread: a batch of a hundred frames takes a few milliseconds, and live audio gives 32. */
const loadSilero: LoadModel = () =>
  OrtSession.load(createRequire(import.meta.url).resolve('@ricky0123/vad-web/dist/silero_vad_v6.onnx'), {
    intraOpThreads: 1,
  });

/** Judges the frames of all its streams in shared runs, off the event loop. A stream's results do not depend on the others. */
export class SileroVad implements VoiceActivityDetector {
  readonly #load: LoadModel;
  #session: OrtSession;
  readonly #inputs = new Float32Array(BATCH_MAX * ROW_SAMPLES);
  readonly #states = new Float32Array(2 * BATCH_MAX * STATE_SIZE);
  readonly #streams = new Set<SileroStream>();
  /** Streams with frames that wait, the longest waiting first. */
  #ready: SileroStream[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** Rejects with OrtError when the model cannot be loaded. `load` is for tests of failing models. */
  static async load(load: LoadModel = loadSilero): Promise<SileroVad> {
    return new SileroVad(load, await load());
  }

  private constructor(load: LoadModel, session: OrtSession) {
    this.#load = load;
    this.#session = session;
  }

  open(): VadStream {
    if (this.#closed) throw new VadError('vad_closed', 'The detector is closed.');
    const stream = new SileroStream({
      ready: () => {
        this.#ready.push(stream);
        this.#running ??= this.#runAll();
      },
      closed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
    await this.#running;
    this.#session.close();
  }

  async #runAll(): Promise<void> {
    while (this.#ready.length > 0 && !this.#closed) {
      // Once around the event loop: what just got its result, or comes in with it, joins this run.
      await new Promise(setImmediate);
      await this.#run(this.#ready.splice(0, BATCH_MAX));
    }
    this.#running = undefined;
  }

  /** One run; settles the first frame of every stream in the batch. */
  async #run(streams: readonly SileroStream[]): Promise<void> {
    const size = BATCH_SIZES.find((size) => size >= streams.length) ?? BATCH_MAX;
    const input = this.#inputs.subarray(0, size * ROW_SAMPLES).fill(0);
    const state = this.#states.subarray(0, 2 * size * STATE_SIZE).fill(0);
    const stateRows = (from: Float32Array, row: number) =>
      [0, 1].map((half) => from.subarray((half * size + row) * STATE_SIZE, (half * size + row + 1) * STATE_SIZE));
    const settlements = streams.map((stream, row) => {
      return stream.gather(input.subarray(row * ROW_SAMPLES, (row + 1) * ROW_SAMPLES), stateRows(state, row));
    });
    try {
      const { output, stateN } = await this.#runModel({
        input: { type: 'float32', dims: [size, ROW_SAMPLES], data: input },
        state: { type: 'float32', dims: [2, size, STATE_SIZE], data: state },
        sr: RATE,
      });
      settlements.forEach((settle, row) => settle.resolve(output[row] ?? NaN, stateRows(stateN, row)));
    } catch (cause) {
      const error = new VadError('vad_failed', 'The voice activity detector failed.', { cause });
      for (const settle of settlements) settle.reject(error);
    }
    // At once: a frame that is pushed from now on announces its stream itself.
    this.#ready.push(...streams.filter((stream) => stream.hasFrames));
  }

  /** Runs the model; where that fails, once more on a fresh one. */
  async #runModel(feeds: Parameters<OrtSession['run']>[0]) {
    try {
      return await runOnce(this.#session, feeds);
    } catch {
      const fresh = await this.#load();
      this.#session.close();
      this.#session = fresh;
      return runOnce(fresh, feeds);
    }
  }
}

async function runOnce(session: OrtSession, feeds: Parameters<OrtSession['run']>[0]) {
  const { output, stateN } = await session.run(feeds, ['output', 'stateN']);
  const [probabilities, states] = [output.data, stateN.data];
  if (
    !(probabilities instanceof Float32Array) ||
    !(states instanceof Float32Array) ||
    probabilities.some(Number.isNaN)
  ) {
    throw new VadError('vad_failed', 'The model gave no probabilities.');
  }
  return { output: probabilities, stateN: states };
}

interface PendingFrame {
  readonly frame: Float32Array;
  /** Whether the stream was reset before this frame. */
  readonly isFresh: boolean;
  readonly resolve: (probability: number) => void;
  readonly reject: (error: VadError) => void;
}

/** What a run does with its answer for one stream. */
interface Settlement {
  resolve(probability: number, state: readonly Float32Array[]): void;
  reject(error: VadError): void;
}

class SileroStream implements VadStream {
  readonly #events: { readonly ready: () => void; readonly closed: () => void };
  readonly #state = [new Float32Array(STATE_SIZE), new Float32Array(STATE_SIZE)] as const;
  readonly #context = new Float32Array(CONTEXT_SAMPLES);
  #pending: PendingFrame[] = [];
  #isFresh = false;
  #isClosed = false;

  constructor(events: { readonly ready: () => void; readonly closed: () => void }) {
    this.#events = events;
  }

  get hasFrames(): boolean {
    return this.#pending.length > 0;
  }

  push(frame: Float32Array): Promise<number> {
    if (frame.length !== VAD_FRAME_SAMPLES) {
      throw new RangeError(`A frame has ${VAD_FRAME_SAMPLES} samples, not ${frame.length}.`);
    }
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new VadError('vad_closed', 'The stream is closed.'));
      if (this.#pending.length >= PENDING_FRAMES_MAX) {
        return reject(new VadError('vad_overloaded', `More than ${PENDING_FRAMES_MAX} frames wait.`));
      }
      this.#pending.push({ frame, isFresh: this.#isFresh, resolve, reject });
      this.#isFresh = false;
      if (this.#pending.length === 1) this.#events.ready();
    });
  }

  reset(): void {
    this.#isFresh = true;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { reject } of this.#pending.splice(0)) reject(new VadError('vad_closed', 'The stream was closed.'));
    this.#events.closed();
  }

  /** Writes the first waiting frame and the state into a row of the run; the frame waits on until it is settled. */
  gather(input: Float32Array, state: readonly Float32Array[]): Settlement {
    const [next] = this.#pending;
    if (next === undefined) return { resolve: () => {}, reject: () => {} };
    if (next.isFresh) {
      this.#context.fill(0);
      for (const half of this.#state) half.fill(0);
    }
    input.set(this.#context);
    input.set(next.frame, CONTEXT_SAMPLES);
    this.#context.set(next.frame.subarray(-CONTEXT_SAMPLES));
    this.#state.forEach((half, index) => state[index]?.set(half));
    return {
      resolve: (probability, rows) => {
        if (this.#isClosed) return;
        this.#state.forEach((half, index) => half.set(rows[index] ?? half));
        this.#pending.shift();
        next.resolve(probability);
      },
      reject: (error) => {
        if (this.#isClosed) return;
        this.#pending.shift();
        next.reject(error);
      },
    };
  }
}
