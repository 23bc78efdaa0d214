// Silero VAD v6 over recordings: many frames of one in a run, which costs a frame an eighth of a run of its own.
import { createRequire } from 'node:module';
import { OrtSession, sileroSequenceModel } from '@sotto/models';
import { SILERO_FILE, type LoadModel } from './silero-runner.js';
import { CONTEXT_SAMPLES, ROW_SAMPLES, STATE_SIZE } from './silero-memory.js';
import { VAD_FRAME_SAMPLES, type VadRecording } from './vad.js';
import { VadError } from './vad-error.js';

/** One thread: recordings leave the others to whoever is live. */
export const loadSileroSequence: LoadModel = async () =>
  OrtSession.load(await sileroSequenceModel(createRequire(import.meta.url).resolve(SILERO_FILE)), {
    intraOpThreads: 1,
  });

/** One run at a time, whatever the number of recordings: live frames have the other threads to themselves. */
export class SileroRecordings {
  readonly #load: LoadModel;
  /** Loaded by the first recording. */
  #session: Promise<OrtSession> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(load: LoadModel = loadSileroSequence) {
    this.#load = load;
  }

  openRecording(): VadRecording {
    let state: Float32Array = new Float32Array(2 * STATE_SIZE);
    let context: Float32Array = new Float32Array(CONTEXT_SAMPLES);
    let isClosed = false;
    return {
      judge: async (samples) => {
        const frames = samples.length / VAD_FRAME_SAMPLES;
        if (!Number.isInteger(frames) || frames === 0) {
          throw new RangeError(`${samples.length} samples are not whole frames of ${VAD_FRAME_SAMPLES}.`);
        }
        const rows = new Float32Array(frames * ROW_SAMPLES);
        for (let frame = 0; frame < frames; frame++) {
          const end = (frame + 1) * VAD_FRAME_SAMPLES;
          rows.set(context, frame * ROW_SAMPLES);
          rows.set(samples.subarray(end - VAD_FRAME_SAMPLES, end), frame * ROW_SAMPLES + CONTEXT_SAMPLES);
          context = samples.slice(end - CONTEXT_SAMPLES, end);
        }
        const heard = await this.#inTurn(() => {
          if (isClosed || this.#isClosed) throw new VadError('vad_closed', 'The recording is closed.');
          return this.#run(rows, state);
        });
        state = heard.state;
        return heard.probabilities;
      },
      close: () => {
        isClosed = true;
      },
    };
  }

  /** Ends when the run under way has. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inTurn(async () => {
      const session = await this.#session?.catch(() => undefined);
      session?.close();
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Where a run fails, once more on a fresh model. */
  async #run(rows: Float32Array, state: Float32Array): Promise<Heard> {
    try {
      return await this.#runOnce(rows, state).catch(async () => {
        const broken = await this.#session?.catch(() => undefined);
        this.#session = undefined;
        broken?.close();
        return this.#runOnce(rows, state);
      });
    } catch (cause) {
      throw new VadError('vad_failed', 'The voice activity detector failed.', { cause });
    }
  }

  async #runOnce(rows: Float32Array, state: Float32Array): Promise<Heard> {
    this.#session ??= this.#load();
    const session = await this.#session;
    const { probabilities, stateN } = await session.run(
      {
        frames: { type: 'float32', dims: [rows.length / ROW_SAMPLES, ROW_SAMPLES], data: rows },
        state: { type: 'float32', dims: [2, 1, STATE_SIZE], data: state },
      },
      ['probabilities', 'stateN'],
    );
    const [spoken, remembered] = [probabilities.data, stateN.data];
    if (
      !(spoken instanceof Float32Array) ||
      !(remembered instanceof Float32Array) ||
      spoken.some((probability) => Number.isNaN(probability))
    ) {
      throw new VadError('vad_failed', 'The model gave no probabilities.');
    }
    return { probabilities: spoken, state: remembered };
  }
}

interface Heard {
  readonly probabilities: Float32Array;
  readonly state: Float32Array;
}
