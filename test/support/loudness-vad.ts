// A detector by loudness: a frame is speech as far as its samples are loud. For tests of what is around the real one.
import { VAD_FRAME_SAMPLES, type VadStream, type VoiceActivityDetector } from '../../server/src/vad/vad.js';

/** Probability = mean absolute sample, at most 1. */
export class LoudnessVad implements VoiceActivityDetector {
  /** Streams that are open. */
  open_ = 0;
  frames = 0;
  /** Thrown by the next push, if set. */
  failure: Error | undefined;
  /** Frames wait while this is unresolved. */
  gate: Promise<void> = Promise.resolve();

  open(): VadStream {
    this.open_++;
    let isClosed = false;
    return {
      push: async (frame) => {
        if (isClosed) throw new Error('pushed after close');
        if (frame.length !== VAD_FRAME_SAMPLES) throw new RangeError(`a frame of ${frame.length}`);
        this.frames++;
        const loudness = frame.reduce((sum, sample) => sum + Math.abs(sample), 0) / frame.length;
        await this.gate;
        if (this.failure !== undefined) throw this.failure;
        return Math.min(1, loudness);
      },
      reset: () => {},
      close: () => {
        if (!isClosed) this.open_--;
        isClosed = true;
      },
    };
  }

  async close(): Promise<void> {}
}
