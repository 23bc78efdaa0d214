// What voice activity detection is to the rest of the server: frames in, speech probabilities out.

/** Samples of one VAD frame at 16 kHz: 32 ms. */
export const VAD_FRAME_SAMPLES = 512;

/** Judges frames of many streams, batched into shared runs. */
export interface VoiceActivityDetector {
  /** A stream with a state of its own. */
  open(): VadStream;
  /** A recording with a state of its own. */
  openRecording(): VadRecording;
  close(): Promise<void>;
}

/** The VAD state of one recording, of which many frames are there at once. */
export interface VadRecording {
  /**
   * Speech probabilities (0-1) of the next frames, one for each {@link VAD_FRAME_SAMPLES} samples: what a stream hears
   * in them. The next call waits for this one's answer. Rejects with VadError as a stream does.
   */
  judge(samples: Float32Array): Promise<Float32Array>;
  close(): void;
}

/** The VAD state of one live stream. */
export interface VadStream {
  /**
   * Speech probability (0-1) of the next frame: exactly {@link VAD_FRAME_SAMPLES} samples, 16 kHz, -1..1. Frames of one
   * stream are judged in the order of the calls. The frame's memory may be reused once the promise settles. Rejects
   * with VadError when the run fails or the stream is closed.
   */
  push(frame: Float32Array): Promise<number>;
  /** Forgets what was heard: the next frame is judged as the first of a stream is. */
  reset(): void;
  close(): void;
}
