// A recording through a live stream, where a detector has nothing faster for it.
import { VAD_FRAME_SAMPLES, type VadRecording, type VadStream } from './vad.js';

export function frameByFrame(stream: VadStream): VadRecording {
  return {
    judge: async (samples) => {
      const probabilities = new Float32Array(samples.length / VAD_FRAME_SAMPLES);
      for (let frame = 0; frame < probabilities.length; frame++) {
        const from = frame * VAD_FRAME_SAMPLES;
        probabilities[frame] = await stream.push(samples.subarray(from, from + VAD_FRAME_SAMPLES));
      }
      return probabilities;
    },
    close: () => stream.close(),
  };
}
