// Many live streams through one voice activity detector.
import { VAD_FRAME_SAMPLES, type VoiceActivityDetector } from '@sotto/server';

export interface VadSteps {
  /** Time of every step, milliseconds: the latency that a frame sees. */
  readonly timesMs: readonly number[];
  /** CPU time of all steps together, milliseconds: what other programs on the machine do hardly changes it. */
  readonly cpuMs: number;
}

/**
 * Pushes `frames` frames through each of `streams` streams, all streams in step as live ones are: the next frames come
 * when the last are judged.
 * @param speech 16 kHz mono; each stream begins at another place of it
 */
export async function runVadSteps(
  vad: VoiceActivityDetector,
  streams: number,
  frames: number,
  speech: Float32Array,
): Promise<VadSteps> {
  const open = Array.from({ length: streams }, () => vad.open());
  const places = Math.floor(speech.length / VAD_FRAME_SAMPLES);
  const timesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let step = 0; step < frames; step++) {
    const startedAt = performance.now();
    await Promise.all(
      open.map((stream, index) => {
        const at = ((step + index * 7) % places) * VAD_FRAME_SAMPLES;
        return stream.push(speech.slice(at, at + VAD_FRAME_SAMPLES));
      }),
    );
    timesMs.push(performance.now() - startedAt);
  }
  open.forEach((stream) => stream.close());
  const { user, system } = process.cpuUsage(cpuBefore);
  return { timesMs, cpuMs: (user + system) / 1_000 };
}
