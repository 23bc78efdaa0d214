// Where somebody speaks in a recording whose manifest does not say: by level.
import type { LoadedRecording } from './playlist.js';
import type { Span } from './recordings.js';

const FRAME_SAMPLES = 160;
const FRAME_MS = 10;
/** Speech is within this of the loud parts (95th percentile), dB: what is softer at its ends is breath and room. */
const UNDER_LOUD_DB = 25;
/** And this above the room (10th percentile), dB. */
const OVER_ROOM_DB = 10;
/** But never asked to be louder than this below the loud parts, dB: a recording may have no room in it. */
const UNDER_LOUD_DB_MIN = 6;
/** Shorter sounds are clicks, frames. */
const RUN_FRAMES_MIN = 5;

/** Quieter for less than this is within a word, frames. */
const PAUSE_FRAMES_MIN = 15;

const found = new WeakMap<LoadedRecording, readonly Span[]>();

/**
 * One span from the first sound that is loud and long enough to the last one; none where nobody speaks. On 139
 * recordings of single sentences Silero's speech ends 100 ms later in the median.
 */
export function spokenSpans(recording: LoadedRecording): readonly Span[] {
  const stretches = spokenStretches(recording);
  const [first, last] = [stretches[0], stretches.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [{ text: recording.text, startMs: first.startMs, endMs: last.endMs }];
}

/** What is spoken between pauses, each without its text. */
export function spokenStretches(recording: LoadedRecording): readonly Span[] {
  const spans = found.get(recording) ?? byLevel(recording);
  found.set(recording, spans);
  return spans;
}

function byLevel({ samples, text }: LoadedRecording): Span[] {
  const levels = smoothed(powers(samples)).map((power) => 10 * Math.log10(power + 1e-10));
  if (text === '' || levels.length === 0) return [];
  const sorted = levels.toSorted((a, b) => a - b);
  const loud = sorted[Math.floor(0.95 * sorted.length)] ?? 0;
  const room = sorted[Math.floor(0.1 * sorted.length)] ?? 0;
  const threshold = Math.min(loud - UNDER_LOUD_DB_MIN, Math.max(loud - UNDER_LOUD_DB, room + OVER_ROOM_DB));
  const stretches: { from: number; to: number }[] = [];
  for (const run of runsAbove(levels, threshold)) {
    const before = stretches.at(-1);
    if (run.to - run.from < RUN_FRAMES_MIN) continue;
    if (before !== undefined && run.from - before.to < PAUSE_FRAMES_MIN) before.to = run.to;
    else stretches.push(run);
  }
  return stretches.map(({ from, to }) => ({ text: '', startMs: from * FRAME_MS, endMs: to * FRAME_MS }));
}

/** Frames from `from` to before `to` that are all above a level. */
function runsAbove(levels: readonly number[], threshold: number): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (const [frame, level] of levels.entries()) {
    const run = runs.at(-1);
    if (level <= threshold) continue;
    if (run?.to === frame) run.to += 1;
    else runs.push({ from: frame, to: frame + 1 });
  }
  return runs;
}

/** Mean power of each frame. */
function powers(samples: Float32Array): number[] {
  return Array.from({ length: Math.floor(samples.length / FRAME_SAMPLES) }, (_, frame) => {
    const part = samples.subarray(frame * FRAME_SAMPLES, (frame + 1) * FRAME_SAMPLES);
    return part.reduce((sum, sample) => sum + sample * sample, 0) / FRAME_SAMPLES;
  });
}

/** Each with its neighbours. */
function smoothed(values: readonly number[]): number[] {
  return values.map((_, at) => {
    const near = values.slice(Math.max(0, at - 1), at + 2);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}
