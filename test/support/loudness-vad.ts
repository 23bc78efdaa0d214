// A detector by loudness: a frame is speech as far as its samples are loud. For tests of what is around the real one.
import { frameByFrame } from '../../server/src/vad/frame-by-frame.js';
import {
  VAD_FRAME_SAMPLES,
  type VadRecording,
  type VadStream,
  type VoiceActivityDetector,
} from '../../server/src/vad/vad.js';

/** Probability = mean absolute sample, at most 1. */
export class LoudnessVad implements VoiceActivityDetector {
  /** Streams that are open. */
  openStreams = 0;
  frames = 0;
  /** Thrown by the next push, if set. */
  failure: Error | undefined;
  readonly #waiting: (() => void)[] = [];
  #isHeld = false;

  /** Frames wait from now on, until what is returned is called. */
  hold(): () => void {
    this.#isHeld = true;
    return () => {
      this.#isHeld = false;
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  open(): VadStream {
    this.openStreams++;
    let isClosed = false;
    return {
      push: async (frame) => {
        if (isClosed) throw new Error('pushed after close');
        if (frame.length !== VAD_FRAME_SAMPLES) throw new RangeError(`a frame of ${frame.length}`);
        this.frames++;
        let sum = 0;
        for (const sample of frame) sum += Math.abs(sample);
        if (this.#isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        if (this.failure !== undefined) throw this.failure;
        return Math.min(1, sum / frame.length);
      },
      reset: () => {},
      close: () => {
        if (!isClosed) this.openStreams--;
        isClosed = true;
      },
    };
  }

  openRecording(): VadRecording {
    return frameByFrame(this.open());
  }

  async close(): Promise<void> {}
}
