// A detector that hears silence at once: what is left is the cost of everything around it.
import { frameByFrame } from './frame-by-frame.js';
import { VAD_FRAME_SAMPLES, type VadRecording, type VadStream, type VoiceActivityDetector } from './vad.js';
import { VadError } from './vad-error.js';

const SILENT = Promise.resolve(0);

/** For benchmarks of the gateway: no utterance ever begins. */
export class NullVad implements VoiceActivityDetector {
  open(): VadStream {
    let isClosed = false;
    return {
      push: (frame) => {
        if (frame.length !== VAD_FRAME_SAMPLES) {
          throw new RangeError(`A frame has ${VAD_FRAME_SAMPLES} samples, not ${frame.length}.`);
        }
        return isClosed ? Promise.reject(new VadError('vad_closed', 'The stream is closed.')) : SILENT;
      },
      reset: () => {},
      close: () => {
        isClosed = true;
      },
    };
  }

  openRecording(): VadRecording {
    return frameByFrame(this.open());
  }

  async close(): Promise<void> {}
}
