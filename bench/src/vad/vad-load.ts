// Many live streams through one voice activity detector.
import { VAD_FRAME_SAMPLES, type VoiceActivityDetector } from '@sotto/server';

/**
 * Pushes `frames` frames through each of `streams` streams, all streams in step as live ones are: the next frames come when the last are judged.
 * @param speech 16 kHz mono; each stream begins at another place of it
 * @returns time of every step, milliseconds: the latency that a frame sees
 */
export async function vadStepTimes(
  vad: VoiceActivityDetector,
  streams: number,
  frames: number,
  speech: Float32Array,
): Promise<number[]> {
  const open = Array.from({ length: streams }, () => vad.open());
  const places = Math.floor(speech.length / VAD_FRAME_SAMPLES);
  const times: number[] = [];
  for (let step = 0; step < frames; step++) {
    const startedAt = performance.now();
    await Promise.all(
      open.map((stream, index) => {
        const at = ((step + index * 7) % places) * VAD_FRAME_SAMPLES;
        return stream.push(speech.slice(at, at + VAD_FRAME_SAMPLES));
      }),
    );
    times.push(performance.now() - startedAt);
  }
  open.forEach((stream) => stream.close());
  return times;
}
