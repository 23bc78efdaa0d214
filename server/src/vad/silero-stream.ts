// One live stream of the Silero detector: the frames that wait, and its place in the memory that the threads see.
import { CONTEXT_SAMPLES, type SileroMemory } from './silero-memory.js';
import { VAD_FRAME_SAMPLES, type VadStream } from './vad.js';
import { VadError } from './vad-error.js';

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
  /** It is closed, and no run looks at its place any more. */
  readonly left: () => void;
}

/** At most one of its frames is in a run: the first that waits. */
export class SileroStream implements VadStream {
  readonly place: number;
  readonly #memory: SileroMemory;
  /** Views of its place, made once: the memory of a view costs more than what is written through it. */
  readonly #row: Float32Array;
  readonly #answer: Float32Array;
  readonly #events: SileroStreamEvents;
  #pending: PendingFrame[] = [];
  /** So is a new one, whatever was in its place before. */
  #isFresh = true;
  #isInRun = false;
  #isClosed = false;

  constructor(place: number, memory: SileroMemory, events: SileroStreamEvents) {
    this.place = place;
    this.#memory = memory;
    this.#row = memory.row(place);
    this.#answer = memory.answer(place);
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
    if (!this.#isInRun) this.#events.left();
  }

  /** Puts the first waiting frame in its place; it waits on until it is settled. False: closed meanwhile. */
  gather(): boolean {
    const [next] = this.#pending;
    if (next === undefined) return false;
    if (next.isFresh) {
      this.#row.fill(0, 0, CONTEXT_SAMPLES);
      for (const half of [0, 1] as const) this.#memory.state(this.place, half).fill(0);
    }
    this.#row.set(next.frame, CONTEXT_SAMPLES);
    this.#answer[0] = NaN;
    this.#isInRun = true;
    return true;
  }

  /** The run that its frame was gathered for is over. @param error why it failed: the frame is then given up */
  settle(error?: VadError): void {
    this.#isInRun = false;
    if (this.#isClosed) return this.#events.left();
    const settled = this.#pending.shift();
    if (this.#pending.length > 0) this.#events.ready();
    if (error === undefined) settled?.resolve(this.#answer[0] ?? NaN);
    else settled?.reject(error);
  }
}
