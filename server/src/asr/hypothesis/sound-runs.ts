// Where there is sound in what was said, by its level alone: finer than the frames of the detector, and of a model's
// attention.
import { SAMPLES_PER_MS } from '../../audio/samples.js';

/** From where sound begins to where it ends, milliseconds since the first sample. */
export interface SoundRun {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What has one level, milliseconds. */
const STEP_MS = 10;
const STEP = STEP_MS * SAMPLES_PER_MS;

/** A shorter silence is part of the sound, milliseconds: a stop such as the t of "outer" is up to 100. */
const SILENCE_MS_MIN = 120;

/** Speech stands out of its room by this much at least; where it does not, its level tells nothing. Decibels. */
const RANGE_DB_MIN = 12;

/** How far between its quietest and its loudest tenth sound begins, but not further than this below the loudest. */
const SOUND_SHARE = 0.3;
const BELOW_LOUDEST_DB_MAX = 35;

/** Digital silence, decibels. */
const FLOOR_DB = -100;

/** The stretches of sound in order, silences of {@link SILENCE_MS_MIN} and more between them. */
export function soundRuns(audio: Float32Array): SoundRun[] {
  const levels: number[] = [];
  for (let at = 0; at + STEP <= audio.length; at += STEP) levels.push(levelDb(audio, at, at + STEP));
  const ranked = levels.toSorted((a, b) => a - b);
  const [quiet = 0, loud = 0] = [0.1, 0.9].map((share) => ranked[Math.floor(share * ranked.length)]);
  if (loud - quiet < RANGE_DB_MIN) return [];
  const least = Math.max(quiet + SOUND_SHARE * (loud - quiet), loud - BELOW_LOUDEST_DB_MAX);
  const runs: { fromMs: number; toMs: number }[] = [];
  for (const [step, level] of levels.entries()) {
    if (level < least) continue;
    const [fromMs, toMs] = [step * STEP_MS, (step + 1) * STEP_MS];
    const last = runs.at(-1);
    if (last !== undefined && fromMs - last.toMs < SILENCE_MS_MIN) last.toMs = toMs;
    else runs.push({ fromMs, toMs });
  }
  return runs;
}

/** By index: an iterator over a part takes 2.5 times as long, and this is all of a live final's audio. */
function levelDb(samples: Float32Array, from: number, to: number): number {
  let energy = 0;
  for (let at = from; at < to; at++) energy += (samples[at] ?? 0) ** 2;
  return Math.max(FLOOR_DB, 10 * Math.log10(energy / (to - from)));
}
