// One live stream of the Silero detector: the frames that wait, and what the model remembers of those before.
import { VAD_FRAME_SAMPLES, type VadStream } from './vad.js';
import { VadError } from './vad-error.js';

/** Samples before each frame that the model wants to see again at 16 kHz (Silero's `OnnxWrapper`, since v5). */
export const CONTEXT_SAMPLES = 64;
/** Samples of one row of the model's input. */
export const ROW_SAMPLES = CONTEXT_SAMPLES + VAD_FRAME_SAMPLES;
/** Of each of the two states of the LSTM cell, hidden and memory: the graph's `state` is [2, batch, 128]. */
export const STATE_SIZE = 128;
/** Frames of one stream that may wait (two seconds); a push beyond is refused with `vad_overloaded`. */
export const PENDING_FRAMES_MAX = 64;

interface PendingFrame {
  readonly frame: Float32Array;
  /** Whether the stream was reset before this frame. */
  readonly isFresh: boolean;
  readonly resolve: (probability: number) => void;
  readonly reject: (error: VadError) => void;
}

export interface SileroStreamEvents {
  /** Its first frame waits for a run. */
  readonly ready: () => void;
  readonly closed: () => void;
}

/** At most one of its frames is in a run: the first that waits. */
export class SileroStream implements VadStream {
  readonly #events: SileroStreamEvents;
  readonly #state = new Float32Array(2 * STATE_SIZE);
  readonly #context = new Float32Array(CONTEXT_SAMPLES);
  #pending: PendingFrame[] = [];
  #isFresh = false;
  #isClosed = false;

  constructor(events: SileroStreamEvents) {
    this.#events = events;
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

  /**
   * Writes the first waiting frame into a row of `input` [rows, 576] and `state` [2, rows, 128]; it waits on until it
   * is settled.
   */
  gather(input: Float32Array, state: Float32Array, row: number, rows: number): void {
    const [next] = this.#pending;
    if (next === undefined) return; // Closed meanwhile.
    if (next.isFresh) {
      this.#context.fill(0);
      this.#state.fill(0);
    }
    input.set(this.#context, row * ROW_SAMPLES);
    input.set(next.frame, row * ROW_SAMPLES + CONTEXT_SAMPLES);
    this.#context.set(next.frame.subarray(-CONTEXT_SAMPLES));
    for (let at = 0; at < STATE_SIZE; at++) {
      state[row * STATE_SIZE + at] = this.#state[at] ?? 0;
      state[(rows + row) * STATE_SIZE + at] = this.#state[STATE_SIZE + at] ?? 0;
    }
  }

  /** The run's answer to the frame that was gathered: its probability, and its row of the new state [2, rows, 128]. */
  settle(probability: number, state: Float32Array, row: number, rows: number): void {
    if (this.#isClosed) return;
    for (let at = 0; at < STATE_SIZE; at++) {
      this.#state[at] = state[row * STATE_SIZE + at] ?? 0;
      this.#state[STATE_SIZE + at] = state[(rows + row) * STATE_SIZE + at] ?? 0;
    }
    this.#shift()?.resolve(probability);
  }

  /** The run failed: the frame is given up. */
  fail(error: VadError): void {
    if (!this.#isClosed) this.#shift()?.reject(error);
  }

  #shift(): PendingFrame | undefined {
    const settled = this.#pending.shift();
    if (this.#pending.length > 0) this.#events.ready();
    return settled;
  }
}
