// Windows of continuous speech for the engine, cut from recordings.
import { BenchError } from '../bench-error.js';
import { SAMPLES_PER_MS, type LoadedRecording } from '../audio/playlist.js';

/**
 * `count` windows of `windowMs`, each from another place of the recordings that hold speech, played one after the other
 * with no gap.
 * @throws BenchError `bad_recordings` when there is less speech than one window
 */
export function speechWindows(recordings: readonly LoadedRecording[], windowMs: number, count: number): Float32Array[] {
  const speech = recordings.filter(({ text }) => text !== '').map(({ samples }) => samples);
  const total = speech.reduce((sum, { length }) => sum + length, 0);
  const length = Math.round(windowMs * SAMPLES_PER_MS);
  if (total < length) {
    throw new BenchError(
      'bad_recordings',
      `The recordings hold ${Math.round(total / 16)} ms of speech, a window takes ${windowMs} ms.`,
    );
  }
  const all = new Float32Array(total);
  let at = 0;
  for (const samples of speech) {
    all.set(samples, at);
    at += samples.length;
  }
  const stride = count > 1 ? Math.floor((total - length) / (count - 1)) : 0;
  return Array.from({ length: count }, (_, index) => all.slice(index * stride, index * stride + length));
}
