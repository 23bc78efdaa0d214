// Silero VAD v6 over the places of shared memory, one run at a time: a model on one thread, and the memory of its
// largest batch.
import { createRequire } from 'node:module';
import { OrtSession } from '@sotto/models';
import { CONTEXT_SAMPLES, ROW_SAMPLES, STATE_SIZE, type SileroMemory } from './silero-memory.js';
import { VadError } from './vad-error.js';

/**
 * Batch sizes of runs: batches are padded to the next one with rows of zeros, so that ONNX Runtime plans memory for a
 * few shapes only. Beyond the largest the streams that wait longest go first.
 */
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
export const BATCH_MAX = 256;

const RATE = { type: 'int64', dims: [], data: BigInt64Array.of(16_000n) } as const;

/** Loads the model, at the start and again after a failed run. */
export type LoadModel = () => Promise<OrtSession>;

/** Of the package that brings it. */
export const SILERO_FILE = '@ricky0123/vad-web/dist/silero_vad_v6.onnx';

/** One thread: a batch of a hundred frames takes a few milliseconds, and live audio gives 32. */
export const loadSilero: LoadModel = () =>
  OrtSession.load(createRequire(import.meta.url).resolve(SILERO_FILE), {
    intraOpThreads: 1,
  });

/** Runs block the calling thread, which has nothing else to do. */
export class SileroRunner {
  readonly #load: LoadModel;
  #session: OrtSession;
  readonly #inputs = new Float32Array(BATCH_MAX * ROW_SAMPLES);
  readonly #states = new Float32Array(2 * BATCH_MAX * STATE_SIZE);

  /** Rejects with OrtError when the model cannot be loaded. */
  static async load(load: LoadModel): Promise<SileroRunner> {
    return new SileroRunner(load, await load());
  }

  private constructor(load: LoadModel, session: OrtSession) {
    this.#load = load;
    this.#session = session;
  }

  /**
   * Judges the frames that lie in some places, at most {@link BATCH_MAX}: each gets its probability, and the context
   * and state that its next frame is judged with. Rejects when the model fails, on a fresh one too; the places are then
   * as they were.
   */
  async run(memory: SileroMemory, places: Uint32Array): Promise<void> {
    const rows = BATCH_SIZES.find((size) => size >= places.length) ?? BATCH_MAX;
    const input = this.#inputs.subarray(0, rows * ROW_SAMPLES);
    const state = this.#states.subarray(0, 2 * rows * STATE_SIZE);
    places.forEach((place, row) => {
      input.set(memory.row(place), row * ROW_SAMPLES);
      state.set(memory.state(place, 0), row * STATE_SIZE);
      state.set(memory.state(place, 1), (rows + row) * STATE_SIZE);
    });
    input.fill(0, places.length * ROW_SAMPLES);
    for (const half of [0, rows]) state.fill(0, (half + places.length) * STATE_SIZE, (half + rows) * STATE_SIZE);
    const { output, stateN } = await this.#runModel({
      input: { type: 'float32', dims: [rows, ROW_SAMPLES], data: input },
      state: { type: 'float32', dims: [2, rows, STATE_SIZE], data: state },
      sr: RATE,
    });
    places.forEach((place, row) => {
      memory.row(place).copyWithin(0, ROW_SAMPLES - CONTEXT_SAMPLES);
      memory.state(place, 0).set(stateN.subarray(row * STATE_SIZE, (row + 1) * STATE_SIZE));
      memory.state(place, 1).set(stateN.subarray((rows + row) * STATE_SIZE, (rows + row + 1) * STATE_SIZE));
      // Last: whoever finds it knows that the rest is there.
      memory.answer(place)[0] = output[row] ?? NaN;
    });
  }

  close(): void {
    this.#session.close();
  }

  /** Runs the model; where that fails, once more on a fresh one. */
  async #runModel(feeds: Parameters<OrtSession['run']>[0]) {
    try {
      return runOnce(this.#session, feeds);
    } catch {
      const fresh = await this.#load();
      this.#session.close();
      this.#session = fresh;
      return runOnce(fresh, feeds);
    }
  }
}

function runOnce(session: OrtSession, feeds: Parameters<OrtSession['run']>[0]) {
  const { output, stateN } = session.runSync(feeds, ['output', 'stateN']);
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
